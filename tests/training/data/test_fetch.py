from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import httpx2
import pytest

from tests.training.data.conftest import Earshot, World
from training.data.locations import Cache, LocationError, Web, open_location
from training.data.sources import source_of


class _Handler(BaseHTTPRequestHandler):
    """A file server that knows ranges, and breaks the first answer for each address in `breaks` off."""

    folder: ClassVar[Path]
    breaks: ClassVar[set[str]]
    asked: ClassVar[list[tuple[str, str | None]]]

    def do_GET(self) -> None:
        path = self.folder / self.path.lstrip("/")
        wanted = self.headers.get("Range")
        self.asked.append((self.path, wanted))
        if not path.is_file():
            self.send_error(404)
            return
        content, tag = path.read_bytes(), f'"{path.stat().st_mtime_ns}"'
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted else 0
        if self.headers.get("If-Range") != tag:
            start = 0
        if start and start >= len(content):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        self.send_header("ETag", tag)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        rest = content[start:]
        if self.path in self.breaks:
            self.breaks.discard(self.path)
            rest = rest[: len(rest) // 2]
            self.close_connection = True
        self.wfile.write(rest)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def _served(folder: Path, breaks: set[str] | None = None) -> Iterator[tuple[str, list[tuple[str, str | None]]]]:
    asked: list[tuple[str, str | None]] = []
    handler = type("Handler", (_Handler,), {"folder": folder, "breaks": breaks or set(), "asked": asked})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", asked
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("scheme", ["folder", "file", "http"])
def test_all_rows_come_back_with_their_texts_from_any_place(scheme: str, world: World, earshot: Earshot) -> None:
    with _served(world.folder) as (url, _):
        where = {"folder": world.folder, "file": world.folder.as_uri(), "http": url}[scheme]
        assert earshot("data", "fetch", *world.options(where)) == 0
    rows = world.rows()
    assert len(rows) == 10
    assert [row["id"] for row in rows] == sorted(row["id"] for row in rows)
    texts = {(row["source"], row["source_id"]): row["text"] for row in rows}
    assert texts["tweets", "1"] == "It's down & out"
    assert texts["forum_zoo", "z2"] == "x" * 700
    assert {row["licence"] for row in rows} == {"MIT", "CC0-1.0", "CC-BY-4.0"}


def test_the_digest_of_each_source_file_is_recorded(world: World, earshot: Earshot) -> None:
    assert earshot("data", "fetch", *world.options(world.folder)) == 0
    record = json.loads(world.output.with_name("public.jsonl.sources.json").read_text())
    assert (record["rows"], record["expected"]) == (10, 10)
    files = {name for source in record["by_source"] for name in source["files"]}
    assert files == {
        *("tweets/tweets.csv", "reviews/reviews.xlsx", "forum/Acme.csv", "forum/Zeta.csv"),
        *("comments/train.tsv", "notices/notices.json"),
    }


def test_a_repeated_key_is_told_apart_by_the_hash(world: World, earshot: Earshot) -> None:
    assert earshot("data", "fetch", "--only", "tweets", *world.options(world.folder)) == 0
    assert [row["text"] for row in world.rows() if row["source_id"] == "2"] == ["You're charging twice", "A reused key"]


def test_what_is_missing_is_named_and_the_rest_is_written(
    world: World, earshot: Earshot, capsys: pytest.CaptureFixture[str]
) -> None:
    (world.folder / "forum" / "Zeta.csv").unlink()
    tweets = world.folder / "tweets" / "tweets.csv"
    tweets.write_text(tweets.read_text().replace("A reused key", "Another text").replace("1,It", "9,It"))
    assert earshot("data", "fetch", *world.options(world.folder)) == 1
    said = capsys.readouterr()
    assert "tweets: 1 of 3 rows" in said.out
    assert "1 not found: r00" in said.out
    assert "1 found with another text: r02" in said.out
    assert "forum: 1 of 3 rows" in said.out
    assert "Zeta.csv" in said.out
    assert len(world.rows()) == 6


def test_a_broken_source_file_does_not_stop_the_others(world: World, earshot: Earshot) -> None:
    (world.folder / "notices" / "notices.json").write_text("[{")
    assert earshot("data", "fetch", *world.options(world.folder)) == 1
    assert len(world.rows()) == 9


def test_a_download_that_broke_off_goes_on_where_it_stopped(world: World, earshot: Earshot) -> None:
    with _served(world.folder, breaks={"/tweets/tweets.csv"}) as (url, asked):
        assert earshot("data", "fetch", "--only", "tweets", *world.options(url)) == 0
    half = (world.folder / "tweets" / "tweets.csv").stat().st_size // 2
    assert asked == [("/tweets/tweets.csv", None), ("/tweets/tweets.csv", f"bytes={half}-")]
    assert len(world.rows()) == 3


def test_a_file_that_changed_meanwhile_is_fetched_from_its_beginning(world: World, tmp_path: Path) -> None:
    source = source_of("tweets", world.sources)
    with _served(world.folder) as (url, _), httpx2.Client() as client:
        cache = Cache(tmp_path / "kept", Web(client, url))
        whole = cache.get(source)
        content = whole.read_bytes()
        whole.unlink()
        whole.with_name("tweets.csv.part").write_bytes(b"of an earlier version")
        whole.with_name("tweets.csv.part.version").write_text('"other"')
        assert cache.get(source).read_bytes() == content


def test_a_download_that_was_complete_but_not_put_in_place_is_no_obstacle(world: World, tmp_path: Path) -> None:
    source = source_of("tweets", world.sources)
    with _served(world.folder) as (url, asked), httpx2.Client() as client:
        cache = Cache(tmp_path / "kept", Web(client, url))
        whole = cache.get(source)
        content = whole.read_bytes()
        whole.rename(whole.with_name("tweets.csv.part"))
        whole.with_name("tweets.csv.version").rename(whole.with_name("tweets.csv.part.version"))
        assert cache.get(source).read_bytes() == content
    assert len(asked) == 3


def test_what_is_in_the_cache_is_not_fetched_again_unless_asked(world: World, earshot: Earshot) -> None:
    with _served(world.folder) as (url, asked):
        for more in ([], [], ["--refresh"]):
            assert earshot("data", "fetch", "--only", "tweets,notices", *more, *world.options(url)) == 0
    assert len(asked) == 4


def test_a_changed_local_file_is_noticed(world: World, tmp_path: Path) -> None:
    source = source_of("tweets", world.sources)
    with open_location(str(world.folder)) as location:
        cache = Cache(tmp_path / "kept", location)
        cache.get(source)
        (world.folder / "tweets" / "tweets.csv").write_text("id,tweet\n")
        assert cache.get(source).read_text() == "id,tweet\n"


def test_a_dead_server_is_asked_for_one_file_of_a_source_only(
    world: World, earshot: Earshot, capsys: pytest.CaptureFixture[str]
) -> None:
    assert earshot("data", "fetch", "--only", "forum", *world.options("http://127.0.0.1:9")) == 1
    said = capsys.readouterr().out
    assert "forum: 0 of 3 rows" in said
    assert "3 not found: " in said
    assert said.count("run the same command again") == 1


def test_a_source_without_an_address_says_what_to_do(world: World, tmp_path: Path) -> None:
    with open_location(None) as location, pytest.raises(LocationError, match="name that by --sources"):
        Cache(tmp_path, location).get(source_of("tweets", world.sources))


def test_rows_for_evaluation_never_reach_a_training_file(world: World, earshot: Earshot) -> None:
    path = world.overlays / "tweets.jsonl"
    lines = [json.loads(line) | {"evaluation_only": True} for line in path.read_text().splitlines()]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert earshot("data", "fetch", *world.options(world.folder)) == 2
    path.rename(world.overlays / "benchmark.jsonl")
    assert earshot("data", "fetch", *world.options(world.folder)) == 0
    assert len(world.rows()) == 7


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["--only", "nobody"], "no source 'nobody'"), (["--sources", "/no/such/folder"], "is no folder")],
)
def test_what_cannot_be_carried_out_exits_2(
    arguments: list[str], said: str, world: World, earshot: Earshot, capsys: pytest.CaptureFixture[str]
) -> None:
    assert earshot("data", "fetch", *world.options(world.folder), *arguments) == 2
    assert said in capsys.readouterr().err


SHARED = Path(os.environ.get("EARSHOT_DATA", Path(__file__).parents[4] / "shared" / "data"))


@pytest.mark.skipif(not (SHARED / "sources").is_dir(), reason="the public source files are not on this machine")
def test_every_labelled_public_post_is_rebuilt_from_its_source(tmp_path: Path, earshot: Earshot) -> None:
    output = tmp_path / "public.jsonl"
    assert earshot("data", "fetch", "--sources", SHARED / "sources", "--cache", tmp_path / "cache", "-o", output) == 0
    original = {}
    for line in (SHARED / "posts" / "train.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        original[row["id"]] = {name: value for name, value in row.items() if name != "licence"}
    rebuilt = {}
    for line in output.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        rebuilt[row["id"]] = {name: value for name, value in row.items() if name != "licence"}
    assert len(rebuilt) == 24_766
    assert rebuilt == original
