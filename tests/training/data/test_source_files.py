from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from tests.training.data.conftest import World, write_csv
from training.data.source_files import SourceFileError, read_posts
from training.data.sources import source_of


def test_every_format_gives_keys_and_clean_texts(world: World) -> None:
    posts = {
        (source.name, key): text
        for source in world.sources
        for part in (("Acme",) if source.has_parts else (None,))
        for key, text in read_posts(world.folder / source.path_of(part), source)
    }
    assert posts["tweets", "1"] == "It's down & out"
    assert posts["reviews", "0"] == "Great. Love it"
    assert posts["reviews", "1"] == "No title here", "an empty column goes together with its separator"
    assert posts["forum", "a1"] == "Please add a map — It would help"
    assert posts["comments", "c1"] == 'She said "thanks" to you'
    assert posts["notices", "Acme"] == "Acme lost records"


def test_a_lone_carriage_return_ends_no_row(world: World, tmp_path: Path) -> None:
    path = tmp_path / "tweets.csv"
    path.write_bytes(b"id,tweet\r\n7,it is \r down\r\n8,again\r\n")
    assert list(read_posts(path, source_of("tweets", world.sources))) == [("7", "it is down"), ("8", "again")]


def test_a_file_within_an_archive_is_found_by_its_name(world: World, tmp_path: Path) -> None:
    source = source_of("reviews", world.sources).model_copy(update={"member": "reviews.xlsx"})
    path = tmp_path / "reviews.xlsx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(world.folder / "reviews" / "reviews.xlsx", "deep/inside/reviews.xlsx")
    assert len(list(read_posts(path, source))) == 2
    assert len(list(read_posts(world.folder / "reviews" / "reviews.xlsx", source))) == 2, "the bare file goes as well"


def test_a_missing_column_is_named(world: World, tmp_path: Path) -> None:
    write_csv(tmp_path / "tweets.csv", [["id", "body"], ["1", "hi"]])
    with pytest.raises(SourceFileError, match="no column 'tweet', it has id, body"):
        list(read_posts(tmp_path / "tweets.csv", source_of("tweets", world.sources)))


@pytest.mark.parametrize("name", ["reviews", "notices", "tweets"])
def test_a_broken_file_is_refused(name: str, world: World, tmp_path: Path) -> None:
    path = tmp_path / "broken"
    path.write_bytes(b"\xff\xfe broken")
    with pytest.raises(SourceFileError, match="not readable"):
        list(read_posts(path, source_of(name, world.sources)))
