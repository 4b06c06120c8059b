from __future__ import annotations

import csv
import io
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from earshot import Bundle, ModelIdentity, Pipeline, Post, Result, Taxonomy
from earshot.__main__ import main
from earshot.classify import ADDED, CHUNK, Job, judge, open_journal
from earshot.journal import Journal
from earshot.tables import Table, read_table
from tests.tiny import write_tiny_bundle

PREDICTED = [column for column in ADDED if column != "error"]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_bundle(tmp_path_factory.mktemp("models") / "tiny").folder


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder, so that file names in tests are short."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str

    @property
    def rows(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]


Run = Callable[..., Ran]


@pytest.fixture
def run(model: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """The whole command line, from its arguments to its exit code."""

    def run(*arguments: str, stdin: str | bytes = "") -> Ran:
        content = stdin.encode() if isinstance(stdin, str) else stdin
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
        with pytest.raises(SystemExit) as exited:
            main(["classify", "--model", str(model), *arguments])
        assert isinstance(exited.value.code, int)
        return Ran(exited.value.code, *capsys.readouterr())

    return run


def jsonl(*rows: object) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


# What goes in.


def test_texts_come_out_as_json_lines(run: Run) -> None:
    ran = run("I want a refund today", "it leaked")
    assert ran.code == 0
    assert ran.err == ""
    assert [row["text"] for row in ran.rows] == ["I want a refund today", "it leaked"]
    assert [list(row) for row in ran.rows] == [["text", *PREDICTED]] * 2
    assert [row["predicted_category"] for row in ran.rows] == ["billing", "leak"]
    assert [row["predicted_urgency"] for row in ran.rows] == ["medium", "low"]


def test_a_prediction_says_what_the_pipeline_says(run: Run, tiny_pipeline: Pipeline) -> None:
    (row,) = run("please add lunch, blocked").rows
    expected = tiny_pipeline.classify("please add lunch, blocked")
    assert row == {
        "text": "please add lunch, blocked",
        "predicted_category": expected.category,
        "confidence": expected.confidence,
        "scores": expected.scores,
        "predicted_secondary": list(expected.secondary),
        "predicted_urgency": expected.urgency,
        "urgency_scores": expected.urgency_scores,
        "route": expected.route,
        "needs_review": expected.needs_review,
        "review_reasons": list(expected.review_reasons),
        "truncated": expected.truncated,
    }


@pytest.mark.parametrize("text", ["x" * 5_000, "no/such/folder", "is posts.csv a file?", "a\tb.csv", "\udcff"])
def test_a_text_is_a_text_even_if_it_looks_odd_as_a_path(here: Path, run: Run, text: str) -> None:
    assert [row["text"] for row in run(text).rows] == [text]


def test_a_file_is_read_and_keeps_its_format(here: Path, run: Run) -> None:
    Path("posts.csv").write_text("id,text\n7,a refund\n8,\n", encoding="utf-8")
    ran = run("posts.csv")
    first, second = csv.DictReader(io.StringIO(ran.out))
    assert list(first) == ["id", "text", *ADDED]
    assert (first["id"], first["predicted_category"], first["needs_review"]) == ("7", "billing", "false")
    assert json.loads(first["scores"])["billing"] == float(first["confidence"])
    assert (second["id"], second["predicted_category"]) == ("8", "")
    assert second["error"].startswith("empty-post: ")
    assert ran.err == "earshot: 2 rows, 1 of them with something in the column 'error'\n"


def test_standard_input_is_jsonl_unless_said_otherwise(run: Run) -> None:
    assert [row["id"] for row in run("-", stdin=jsonl({"id": 1, "text": "a"}, {"id": 2, "text": "b"})).rows] == [1, 2]
    assert run("-", "--format", "csv", stdin="text\na\n").out.startswith("text,predicted_category,")
    assert [row["text"] for row in run("-", "--format", "text", stdin="one\n\ntwo\n").rows] == ["one", "two"]


def test_parquet_comes_from_standard_input_too(here: Path, run: Run) -> None:
    stream = io.BytesIO()
    pq.write_table(pa.table({"text": ["a refund"]}), stream)
    assert run("-", "--format", "parquet", "-o", "out.jsonl", stdin=stream.getvalue()).code == 0
    assert read_table(Path("out.jsonl")).rows[0][1]["predicted_category"] == "billing"


def test_an_odd_ending_needs_the_format(here: Path, run: Run) -> None:
    Path("posts.log").write_text("a refund\n", encoding="utf-8")
    assert "unknown ending '.log'" in run("posts.log").err
    assert "--format" in run("posts.log").err
    assert run("posts.log", "--format", "text").rows[0]["predicted_category"] == "billing"


def test_the_inputs_columns_keep_names_and_order(run: Run) -> None:
    row = {"z": [1, {"y": None}], "body": "a refund", "a": 0.10}
    (out,) = run("-", "--column", "text=body", stdin=jsonl(row)).rows
    assert list(out) == ["z", "body", "a", *PREDICTED]
    assert {name: out[name] for name in row} == row


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "nothing to classify"),
        (["nowhere.csv"], "there is no file nowhere.csv"),
        (["a", "-"], "one file at a time"),
        (["a.csv", "b.csv"], "one file at a time"),
        (["a", "--format", "csv"], "--format and --column go with a file"),
        (["-", "--column", "body"], "--column takes text=THEIRS, not 'body'"),
        (["-", "--column", "id=number"], "no other column is read"),
        (["a", "--model", "nowhere"], "no bundle at nowhere"),
        (["a", "-o", "out.parquet/x"], "cannot write"),
        (["a", "-o", "/dev/null"], "no plain file"),
        (["-", "--format", "parquet"], "not written to standard output"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused(here: Path, run: Run, arguments: list[str], complaint: str) -> None:
    ran = run(*arguments)
    assert ran.code == 2
    assert len(ran.err.splitlines()) == 1
    assert complaint in ran.err
    assert ran.out == ""


# Rows that cannot be used.


@pytest.mark.parametrize(
    ("kind", "content", "named"),
    [
        (
            "jsonl",
            '{"text": "a"}\n{broken\n[1]\n',
            ["2 unusable row(s)", "row 2: not JSON", "row 3: not a JSON object"],
        ),
        ("csv", "text,id\na,1\nb\nc,1,2\n", ["row 2, column 'id': 1 cells", "row 3: 3 cells"]),
        ("jsonl", '{"body": "a"}\n', ["no column 'text', it has 'body'", "--column text=…"]),
        ("csv", "body\n", ["no column 'text', it has 'body'"]),
        ("text", b"a\n\xff\n", ["row 2: not UTF-8 at byte 1"]),
    ],
)
def test_unreadable_input_is_refused_before_anything_is_written(
    here: Path, run: Run, kind: str, content: str | bytes, named: list[str]
) -> None:
    ran = run("-", "--format", kind, "-o", "out.jsonl", stdin=content)
    assert ran.code == 2
    for place in named:
        assert place in ran.err
    assert list(here.iterdir()) == []


def test_bad_rows_can_be_left_out_and_are_told(run: Run) -> None:
    ran = run("-", "--skip-bad-rows", stdin='{"text": "a refund"}\n{broken\n{"text": "b"}\n')
    assert (ran.code, len(ran.rows)) == (0, 2)
    assert "standard input: 1 unusable row(s) left out: row 2: not JSON" in ran.err


def test_an_input_of_bad_rows_alone_is_refused_in_any_case(run: Run) -> None:
    assert run("-", "--skip-bad-rows", stdin="{broken\n").code == 2


def test_a_row_without_a_usable_text_gets_an_error_in_its_place(run: Run) -> None:
    rows = [
        {"text": "a refund"},
        {"text": ""},
        {"id": 3},
        {"text": 5},
        {"text": None},
        {"text": "\ud83d"},
        {"text": "b"},
    ]
    ran = run("-", stdin=jsonl(*rows))
    assert [row.get("error", "").partition(":")[0] for row in ran.rows] == [
        "", "empty-post", "no-text", "no-text", "no-text", "empty-post", "",
    ]  # fmt: skip
    assert [{name: row[name] for name in row if name not in ADDED} for row in ran.rows] == rows
    assert all("predicted_category" not in row for row in ran.rows if "error" in row)
    assert ran.rows[3]["error"] == "no-text: The column 'text' holds int, not a string."


def test_no_rows_in_are_no_rows_out(here: Path, run: Run) -> None:
    assert run("-", stdin="").out == ""
    assert run("-", "--format", "csv", stdin="text,id\n").out == "text,id," + ",".join(ADDED) + "\n"
    assert run("-", "-o", "out.parquet", stdin="").code == 0
    assert pq.read_table("out.parquet").num_rows == 0


def test_columns_that_are_there_already_are_replaced_only_on_demand(run: Run) -> None:
    row = {"route": "mine", "text": "a refund", "error": "old"}
    refused = run("-", stdin=jsonl(row))
    assert (refused.code, refused.out) == (2, "")
    assert "has 'route', 'error' already: replace by --overwrite" in refused.err
    (out,) = run("-", "--overwrite", stdin=jsonl(row)).rows
    assert (out["route"], list(out)) == ("billing", ["text", *PREDICTED])


def test_what_comes_out_can_go_in_again(here: Path, run: Run) -> None:
    for ending in ("jsonl", "csv", "parquet"):
        assert run("-", "-o", f"first.{ending}", stdin=jsonl({"text": "a refund"}, {"text": ""})).code == 0
        assert run(f"first.{ending}", "--overwrite", "-o", f"second.{ending}").code == 0
        assert Path(f"first.{ending}").read_bytes() == Path(f"second.{ending}").read_bytes()


# What comes out.


@pytest.mark.parametrize("given", ["jsonl", "csv", "parquet"])
@pytest.mark.parametrize("asked", ["jsonl", "csv", "parquet"])
def test_all_formats_say_the_same(here: Path, run: Run, given: str, asked: str) -> None:
    rows = [{"id": "a", "text": "refund “now” 😡"}, {"id": "b", "text": " "}, {"id": "c", "text": "well; it\nleaked"}]
    source = Path(f"in.{given}")
    if given == "jsonl":
        source.write_text(jsonl(*rows), encoding="utf-8")
    elif given == "csv":
        with source.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, ["id", "text"])
            writer.writeheader()
            writer.writerows(rows)
    else:
        pq.write_table(pa.Table.from_pylist(rows), source)
    ran = run(str(source), "-o", f"out.{asked}")
    assert ran.code == 0
    assert f"3 rows, 1 of them with something in the column 'error', written to out.{asked}" in ran.err
    table = read_table(Path(f"out.{asked}"))
    found = [row for _, row in table.rows]
    assert table.columns[:2] == ("id", "text")
    assert [{"id": row["id"], "text": row["text"]} for row in found] == rows
    assert [row.get("predicted_category") or None for row in found] == ["billing", None, "leak"]
    scores = found[0]["scores"]
    assert sum((json.loads(scores) if isinstance(scores, str) else scores).values()) == pytest.approx(1)
    assert sorted(path.name for path in here.iterdir()) == sorted([source.name, f"out.{asked}"])


def test_an_unknown_ending_of_the_output_keeps_the_inputs_format(here: Path, run: Run) -> None:
    assert run("-", "--format", "csv", "-o", "out.txt", stdin="text\na\n").code == 0
    assert Path("out.txt").read_text(encoding="utf-8").startswith("text,predicted_category")


def test_a_dash_as_output_is_standard_output(run: Run) -> None:
    assert len(run("a refund", "-o", "-").rows) == 1


def test_parquet_keeps_the_inputs_types(here: Path, run: Run) -> None:
    stamps = pa.array([1, 2], pa.timestamp("ns"))
    pq.write_table(pa.table({"n": pa.array([1, 2], pa.int16()), "text": ["a refund", ""], "at": stamps}), "in.parquet")
    run("in.parquet", "-o", "out.parquet")
    schema = pq.read_schema("out.parquet")
    assert schema.names == ["n", "text", "at", *ADDED]
    assert (schema.field("n").type, schema.field("at").type) == (pa.int16(), pa.timestamp("ns"))
    assert schema.field("needs_review").type == pa.bool_()
    first, second = pq.read_table("out.parquet").to_pylist()
    assert (first["predicted_category"], first["error"]) == ("billing", None)
    assert (second["predicted_category"], second["needs_review"]) == (None, None)


def test_a_taxonomy_without_urgencies_leaves_them_out(here: Path, run: Run, tiny_bundle: Bundle) -> None:
    taxonomy = Taxonomy.default().model_copy(update={"urgencies": ()})
    calm = write_tiny_bundle(here / "calm", taxonomy=taxonomy).folder
    for ending in ("jsonl", "csv", "parquet"):
        assert run("--model", str(calm), "a refund", "-o", f"out.{ending}").code == 0
        ((_, row),) = read_table(Path(f"out.{ending}")).rows
        assert not row["predicted_urgency"]
        assert not row["urgency_scores"]


def test_the_input_is_not_overwritten(here: Path, run: Run) -> None:
    source = Path("posts.jsonl")
    source.write_text(jsonl({"text": "a"}), encoding="utf-8")
    Path("link.jsonl").symlink_to(source)
    for output in ("posts.jsonl", "link.jsonl"):
        ran = run("posts.jsonl", "-o", output)
        assert (ran.code, "it is the input" in ran.err) == (2, True)


def test_a_link_as_output_stays_a_link(here: Path, run: Run) -> None:
    Path("real.jsonl").touch()
    Path("link.jsonl").symlink_to("real.jsonl")
    run("a refund", "-o", "link.jsonl")
    assert Path("link.jsonl").is_symlink()
    assert read_table(Path("real.jsonl")).rows[0][1]["predicted_category"] == "billing"


# Interruption and restart.


class Interrupted:
    """A predictor in front of which somebody presses Ctrl-C after some posts; a supported fake."""

    def __init__(self, inner: Pipeline, after: int) -> None:
        self.inner = inner
        self.left = after
        self.asked = 0

    @property
    def identity(self) -> ModelIdentity:
        return self.inner.identity

    @property
    def taxonomy(self) -> Taxonomy:
        return self.inner.taxonomy

    def predict(self, posts: Sequence[Post]) -> list[Result]:
        self.left -= len(posts)
        if self.left < 0:
            raise KeyboardInterrupt
        self.asked += len(posts)
        return self.inner.predict(posts)


def posts(count: int) -> Table:
    words = ("refund", "love", "", "leaked")
    rows: list[tuple[int, dict[str, Any]]] = [
        (number, {"id": number, "text": f"{words[number % 4]} {number}" if words[number % 4] else ""})
        for number in range(1, count + 1)
    ]
    return Table("posts", rows, columns=("id", "text"))


@pytest.mark.parametrize("kind", ["jsonl", "csv", "parquet"])
def test_an_interrupted_run_goes_on_and_gives_the_same(tmp_path: Path, tiny_pipeline: Pipeline, kind: str) -> None:
    table = posts(5 * CHUNK + 7)
    whole, resumed = tmp_path / f"whole.{kind}", tmp_path / f"resumed.{kind}"
    Job(table, "text", tiny_pipeline).to_file(whole, kind, open_journal(whole, {}, table))
    with pytest.raises(KeyboardInterrupt):
        Job(table, "text", Interrupted(tiny_pipeline, 2 * CHUNK)).to_file(
            resumed, kind, open_journal(resumed, {}, table)
        )
    assert not resumed.exists()
    kept = open_journal(resumed, {}, table)
    assert kept.done == 2 * CHUNK
    rest = Interrupted(tiny_pipeline, 10 * CHUNK)
    tally = Job(table, "text", rest).to_file(resumed, kind, kept)
    assert rest.asked == len(table.rows) - 2 * CHUNK
    assert (tally.rows, tally.errors) == (len(table.rows), sum(not row["text"] for _, row in table.rows))
    assert resumed.read_bytes() == whole.read_bytes()
    assert {path.name for path in tmp_path.iterdir()} == {whole.name, resumed.name}


def test_the_output_is_all_or_nothing(tmp_path: Path, tiny_pipeline: Pipeline) -> None:
    output = tmp_path / "out.csv"
    output.write_bytes(b"of yesterday")
    table = posts(3)
    table.columns = ("id", "text", "\ud83d")  # no such column name can be stored in Parquet
    journal = open_journal(output, {}, table)
    with pytest.raises(UnicodeEncodeError):
        Job(table, "text", tiny_pipeline).to_file(output, "parquet", journal)
    assert output.read_bytes() == b"of yesterday"
    assert {path.name for path in tmp_path.iterdir()} == {"out.csv", "out.csv.partial.jsonl"}
    assert journal.done == 3


def test_a_journal_of_another_input_or_model_is_refused(here: Path, run: Run, model: Path) -> None:
    Path("in.jsonl").write_text(jsonl({"text": "a refund"}), encoding="utf-8")
    kept = Path("out.jsonl.partial.jsonl")
    header = {
        "journal": 1,
        "input": read_table(Path("in.jsonl")).sha256,
        "input format": "jsonl",
        "text column": "text",
        "model": "sha256:of-another",
        "earshot version": metadata.version("earshot"),
    }
    kept.write_text(json.dumps(header, separators=(",", ":")) + "\n", encoding="utf-8")
    ran = run("in.jsonl", "-o", "out.jsonl")
    assert ran.code == 2
    assert "out.jsonl.partial.jsonl keeps the progress of another run (of another model)" in ran.err
    assert not Path("out.jsonl").exists()
    assert run("in.jsonl", "-o", "out.jsonl", "--restart").code == 0
    assert not kept.exists()


def test_a_matching_journal_is_believed(here: Path, run: Run, model: Path) -> None:
    Path("in.jsonl").write_text(jsonl({"text": "a refund"}, {"text": "it leaked"}), encoding="utf-8")
    bundle = Bundle.load(model)
    header = {
        "input": read_table(Path("in.jsonl")).sha256,
        "input format": "jsonl",
        "text column": "text",
        "model": bundle.identity.digest,
        "earshot version": metadata.version("earshot"),
    }
    Journal(Path("out.jsonl.partial.jsonl"), header, [1, 2]).extend([{"route": "from the journal"}])
    assert run("in.jsonl", "-o", "out.jsonl").code == 0
    assert [row["route"] for _, row in read_table(Path("out.jsonl")).rows] == ["from the journal", "communications"]


def test_judging_rows_keeps_their_order_whatever_they_hold(tiny_pipeline: Pipeline) -> None:
    rows: list[dict[str, Any]] = [{"text": "love"}, {}, {"text": ["x"]}, {"text": "lunch"}]
    found = [result.get("predicted_category") for result in judge(rows, "text", tiny_pipeline)]
    assert found == ["praise", None, None, "none"]


# The real command, as a process of its own.


def start(model: Path, *arguments: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "earshot", "classify", "--model", str(model), *arguments]
    # Tests that run in the background of a shell inherit an ignored Ctrl-C, and would hand it on.
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=_heed_control_c
    )


def _heed_control_c() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_control_c_keeps_the_progress_and_says_how_to_go_on(tmp_path: Path, model: Path) -> None:
    source, output = tmp_path / "posts.txt", tmp_path / "out.jsonl"
    source.write_text("".join(f"refund {number}\n" for number in range(60_000)), encoding="utf-8")
    kept = tmp_path / "out.jsonl.partial.jsonl"
    arguments = (str(source), "--format", "text", "-o", str(output))
    process = start(model, *arguments)
    while not kept.exists() and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate()
    assert process.returncode == 130
    assert stderr.decode().startswith("earshot: interrupted after ")
    assert "of 60000 rows; the same command goes on from there" in stderr.decode()
    assert len(stderr.splitlines()) == 1
    assert not output.exists()
    assert kept.read_bytes().count(b"\n") > CHUNK


def test_the_command_reads_a_pipe_and_survives_a_reader_who_leaves(model: Path) -> None:
    process = start(model, "-", "--format", "text")
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdin.write(b"a refund, please\n" * 2_000)
    process.stdin.close()
    first = json.loads(process.stdout.readline())
    process.stdout.close()
    assert first["predicted_category"] == "billing"
    assert process.wait() == 128 + signal.SIGPIPE
    assert process.stderr.read() == b""
    process.stderr.close()


def test_the_progress_bar_is_for_people(model: Path) -> None:
    process = start(model, "-", "--format", "text")
    out, err = process.communicate(b"a refund, please\n")
    assert (process.returncode, err) == (0, b"")
    assert json.loads(out)["text"] == "a refund, please"
