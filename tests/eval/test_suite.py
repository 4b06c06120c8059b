from __future__ import annotations

from pathlib import Path

import pytest

from earshot.records import sha256_of
from eval.errors import SuiteError
from eval.suite import Suite, data_roots, open_suite, shipped_suites
from tests.eval.data import rows, write_jsonl


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_jsonl(tmp_path / "posts.jsonl", rows())


def _suite_file(folder: Path, text: str) -> Path:
    path = folder / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_every_shipped_suite_says_what_it_is_good_for() -> None:
    suites = shipped_suites()
    assert set(suites) >= {"benchmark", "smoke"}
    for name, suite in suites.items():
        assert suite.name == name
        assert suite.description
        assert suite.licence
        assert suite.sha256 or suite.kind == "behaviour"  # whose tests come with it


def test_the_benchmark_is_judged_without_ambiguous_posts_and_never_trained_on() -> None:
    benchmark = shipped_suites()["benchmark"]
    assert benchmark.slices[0].where == {"ambiguous": False}
    assert benchmark.evaluation_only


def test_smoke_is_the_file_in_this_repository() -> None:
    suite, path = open_suite("smoke", data_roots(None))
    assert path == Path(__file__).resolve().parents[2] / "data" / "authored.jsonl"
    assert "trained on them" in suite.description


def test_a_data_file_is_a_suite_by_itself(data: Path) -> None:
    suite, path = open_suite(str(data), ())
    assert (suite.name, path) == ("posts", data)


def test_a_suite_file_finds_its_data_beside_itself(data: Path) -> None:
    text = f"""
        name = "mine"
        data = "posts.jsonl"
        sha256 = "{sha256_of(data)}"
        [[slices]]
        name = "forum"
        where = {{ source = "forum" }}
    """
    suite, path = open_suite(str(_suite_file(data.parent, text)), ())
    assert path == data
    assert suite.slices[0].where == {"source": "forum"}


def test_the_chosen_data_root_comes_first(tmp_path: Path, data: Path) -> None:
    assert data_roots(tmp_path)[0] == tmp_path
    assert Suite(name="x", data="posts.jsonl").locate(data_roots(tmp_path)) == data


def test_missing_data_says_what_to_set(tmp_path: Path) -> None:
    with pytest.raises(SuiteError, match=r"needs posts/benchmark.jsonl.*EARSHOT_DATA") as caught:
        open_suite("benchmark", [tmp_path])
    assert str(tmp_path) in str(caught.value)


def test_data_that_is_not_what_the_suite_means_is_refused(data: Path) -> None:
    suite = _suite_file(data.parent, f'name = "mine"\ndata = "posts.jsonl"\nsha256 = "{"0" * 64}"\n')
    with pytest.raises(SuiteError, match="SHA-256"):
        open_suite(str(suite), ())


def test_an_unknown_suite_is_answered_with_the_known_ones() -> None:
    with pytest.raises(SuiteError, match=r"benchmark, .*smoke"):
        open_suite("benchmrk", ())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name = ", "not TOML"),
        ('name = "x"\n', "data: Field required"),
        ('name = "x"\ndata = "y"\nevery = 0\n', "every"),
        ('name = "x"\ndata = "y"\nslice = []\n', "slice"),
        ('name = "x"\ndata = "y"\nsha256 = "abc"\n', "sha256"),
        ('name = "x"\ndata = "y"\n[[slices]]\nname = "z"\nwhere = { a = 1.5 }\n', "slices.0.where"),
    ],
)
def test_a_broken_suite_file_is_named_with_its_field(tmp_path: Path, text: str, said: str) -> None:
    path = _suite_file(tmp_path, text)
    with pytest.raises(SuiteError, match=said) as caught:
        Suite.load(path)
    assert str(path) in str(caught.value)


def test_a_suite_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SuiteError, match=r"none\.toml"):
        open_suite(str(tmp_path / "none.toml"), ())
