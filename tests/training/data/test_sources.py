from __future__ import annotations

from pathlib import Path

import pytest

from training.data.__main__ import DATA
from training.data.sources import SourcesError, load_sources, source_of


def test_the_shipped_catalogue_covers_every_shipped_overlay() -> None:
    sources = load_sources(DATA / "sources.toml")
    names = {path.stem for path in (DATA / "overlays").glob("*.jsonl")} - {"benchmark"}
    assert len(names) == 13
    assert {source_of(name, sources).name for name in names} == {source.name for source in sources}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[source]", "is not TOML"),
        ('[[source]]\nname = "a"', "source.0"),
        ("", "source"),
    ],
)
def test_an_unusable_catalogue_is_refused(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "sources.toml"
    path.write_text(text)
    with pytest.raises(SourcesError, match=said):
        load_sources(path)


def test_a_missing_catalogue_says_where_it_comes_from(tmp_path: Path) -> None:
    with pytest.raises(SourcesError, match="--catalogue"):
        load_sources(tmp_path / "absent.toml")
