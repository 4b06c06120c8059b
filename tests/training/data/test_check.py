from __future__ import annotations

import html.parser
import json
from pathlib import Path
from typing import Any

import pytest

from tests.training.conftest import AUTHORED
from tests.training.data.conftest import Earshot

FINE = [json.loads(line) for line in AUTHORED.read_text(encoding="utf-8").splitlines()[::16]]


class _Check:
    """`earshot data check` of made-up rows, and what it found."""

    def __init__(self, folder: Path, earshot: Earshot) -> None:
        self.folder, self._earshot = folder, earshot

    def write(self, name: str, rows: list[dict[str, Any]]) -> Path:
        path = self.folder / name
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        return path

    def __call__(self, rows: list[dict[str, Any]], *arguments: object) -> tuple[int, dict[str, Any]]:
        path = self.write("posts.jsonl", rows)
        code = self._earshot("data", "check", path, "--no-label-issues", "-o", self.folder / "out", *arguments)
        content: dict[str, Any] = json.loads((self.folder / "out" / "check.json").read_text(encoding="utf-8"))
        return code, content

    def codes(self, rows: list[dict[str, Any]], *arguments: object) -> dict[str, tuple[str, int]]:
        _, content = self(rows, *arguments)
        return {finding["code"]: (finding["severity"], finding["count"]) for finding in content["findings"]}


@pytest.fixture
def check(tmp_path: Path, earshot: Earshot) -> _Check:
    return _Check(tmp_path, earshot)


def test_good_data_passes(check: _Check) -> None:
    code, content = check(FINE)
    assert (code, content["passed"], content["posts"]) == (0, True, len(FINE))
    assert not [finding for finding in content["findings"] if finding["severity"] == "error"]


def test_every_bad_row_is_named_by_row_and_column(check: _Check) -> None:
    rows = [*FINE, {"text": " ", "category": "none"}, {"text": "hi", "category": "leek", "urgency": "asap"}]
    code, content = check(rows)
    problems = [(problem["row"] - len(FINE), problem["column"]) for problem in content["files"][0]["problems"]]
    assert (code, problems) == (1, [(1, "text"), (2, "category"), (2, "urgency")])
    assert content["findings"][0]["code"] == "unusable-rows"
    assert content["findings"][0]["count"] == 2


def test_a_post_shared_with_the_benchmark_is_an_error(check: _Check) -> None:
    benchmark = check.write("benchmark.jsonl", [FINE[3], {"text": "something else altogether", "category": "none"}])
    code, content = check(FINE, "--against", benchmark)
    assert code == 1
    (leak,) = content["leaks"]
    assert (leak["row"], leak["similarity"], leak["other"]) == (4, 1.0, "benchmark.jsonl, row 1")


def test_a_reworded_post_of_the_benchmark_is_an_error_too(check: _Check) -> None:
    text = "my parcel from the shop is late again and nobody answers "
    benchmark = check.write("benchmark.jsonl", [{"text": text + "the phone", "category": "complaint"}])
    assert check([*FINE, {"text": text + "my mails", "category": "complaint"}], "--against", benchmark)[0] == 1


def test_copies_with_different_categories_are_an_error_unless_one_is_ambiguous(check: _Check) -> None:
    twice = {"text": "Seat 14F again, lovely as ever", "category": "praise"}
    settled = check.codes([*FINE, twice, twice | {"category": "complaint"}])
    assert settled["contradicting-copies"] == ("error", 1)
    doubted = check.codes([*FINE, twice, twice | {"category": "complaint", "ambiguous": True}])
    assert "contradicting-copies" not in doubted
    assert doubted["differing-near-duplicates"] == ("warning", 1)
    assert doubted["copies"] == ("warning", 1)


def test_balance_length_and_language_are_warned_of(check: _Check) -> None:
    rows = [row for row in FINE if row["category"] != "leak"]
    rows += [{"text": "Wo bleibt meine Lieferung, ich warte seit drei Wochen darauf?", "category": "complaint"}] * 9
    rows += [{"text": "word " * 400, "category": "none", "urgency": "low"}] * 9 + [{"text": "👍", "category": "praise"}]
    found = check.codes(rows)
    assert found["absent-category"] == ("warning", 1)
    assert found["truncated"] == ("warning", 9)
    assert found["foreign-language"] == ("warning", 9)
    assert found["no-words"] == ("warning", 1)
    assert found["no-urgency"] == ("note", 10)


def test_a_single_category_is_an_error(check: _Check) -> None:
    assert check.codes([row for row in FINE if row["category"] == "praise"])["one-category"] == ("error", 1)


def test_ids_that_repeat_within_a_file_are_warned_of(check: _Check) -> None:
    assert check.codes([*FINE, FINE[0] | {"text": "Wholly new words here"}])["repeated-ids"] == ("warning", 1)


def test_the_worst_finding_comes_first(check: _Check) -> None:
    _, content = check([*FINE, FINE[0], {"text": "", "category": "none"}])
    severities = [finding["severity"] for finding in content["findings"]]
    assert severities == sorted(severities, key=["error", "warning", "note"].index)
    assert severities[0] == "error"


def test_only_the_report_and_the_list_hold_texts(check: _Check) -> None:
    check([*FINE, FINE[0]])
    assert "text" not in json.dumps(json.loads((check.folder / "out" / "check.json").read_text())["copies"])
    assert FINE[0]["text"][:20] not in (check.folder / "out" / "check.json").read_text(encoding="utf-8")


class _Page(html.parser.HTMLParser):
    """Whether tags close, and what the page would ask of the network."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [
            value for name, value in attrs if name in ("src", "href") and value and not value.startswith("#")
        ]
        if tag not in ("meta", "br", "rect", "line"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in ("rect", "line"):
            assert self.open.pop() == tag


def test_the_report_is_whole_and_asks_nothing_of_the_network(
    tmp_path: Path, earshot: Earshot, capsys: pytest.CaptureFixture[str]
) -> None:
    nasty = {"text": "<script>alert('hi')</script> the parcel & the <b>shop</b> are gone", "category": "complaint"}
    rows = [*FINE, nasty, nasty | {"category": "praise"}, {"text": "", "category": "none"}]
    data, apart = tmp_path / "posts.jsonl", tmp_path / "apart.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    apart.write_text("".join(json.dumps(row) + "\n" for row in FINE[:2]))
    assert earshot("data", "check", data, "--against", apart, "--folds", "2", "-o", tmp_path / "out") == 1
    said = capsys.readouterr().out
    assert "error:   Rows that cannot be used: 1." in said
    text = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    page = _Page()
    page.feed(text)
    assert (page.open, page.links) == ([], [])
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    assert "prefers-color-scheme: dark" in text
    assert text.index("Shared with the data to be kept apart") < text.index('id="balance"')


def test_other_columns_and_another_taxonomy_without_urgencies(tmp_path: Path, earshot: Earshot) -> None:
    taxonomy = tmp_path / "taxonomy.toml"
    taxonomy.write_text('name = "weather"\n[[categories]]\nname = "rain"\n[[categories]]\nname = "sun"\n')
    data = tmp_path / "posts.csv"
    days = "\n".join(f"it was {word} on day {number},{label}" for number, (word, label) in enumerate(WEATHER * 15))
    data.write_text("body,label\n" + days + "\n")
    arguments = ["--taxonomy", taxonomy, "--column", "text=body", "--column", "category=label"]
    assert earshot("data", "check", data, *arguments, "-o", tmp_path / "out") == 0
    content = json.loads((tmp_path / "out" / "check.json").read_text())
    assert (content["categories"], content["urgencies"]) == ({"rain": 30, "sun": 30}, {})
    assert [search["target"] for search in content["label_search"]] in ([], ["category"])


WEATHER = [("wet and grey", "rain"), ("hot and bright", "sun"), ("full of puddles", "rain"), ("fit for a swim", "sun")]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["absent.jsonl"], "cannot read absent.jsonl"),
        (["posts.jsonl", "--column", "text"], "OURS=THEIRS"),
        (["posts.jsonl", "--column", "text=body"], "no column 'body'"),
        (["posts.jsonl", "--tokenizer", "absent.json"], "cannot read tokenizer"),
        (["posts.jsonl", "-o", "posts.jsonl"], "cannot write to"),
        (["empty.jsonl"], "no usable row"),
    ],
)
def test_what_cannot_be_carried_out_exits_2(
    arguments: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    earshot: Earshot,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    _Check(tmp_path, earshot).write("posts.jsonl", FINE)
    (tmp_path / "empty.jsonl").write_text("")
    assert earshot("data", "check", "--no-label-issues", *arguments) == 2
    assert said in capsys.readouterr().err


def test_nothing_of_the_data_is_changed(check: _Check) -> None:
    path = check.write("posts.jsonl", FINE)
    before = path.read_bytes()
    check(FINE)
    assert path.read_bytes() == before
