from __future__ import annotations

from importlib import metadata

import pytest

from earshot import Bundle, MissingExtraError
from service.errors import SettingsError
from service.model_source import ENTRY_POINTS, FolderSource, ModelSource, open_source
from tests.tiny import write_tiny_bundle


class Registry:
    """A plug, called with what the setting says."""

    local = False

    def __init__(self, model: str) -> None:
        self.model = model

    def revision(self) -> str:
        return "1"

    def fetch(self) -> Bundle:
        raise NotImplementedError


@pytest.fixture
def plug(monkeypatch: pytest.MonkeyPatch) -> None:
    points = [
        metadata.EntryPoint("models", f"{__name__}:Registry", ENTRY_POINTS),
        metadata.EntryPoint("gone", "not_installed.source:Source", ENTRY_POINTS),
    ]
    monkeypatch.setattr(metadata, "entry_points", lambda group: points if group == ENTRY_POINTS else [])


def test_a_folder_gives_its_bundle_and_tells_when_it_is_replaced(tiny_bundle: Bundle) -> None:
    source = open_source(str(tiny_bundle.folder))
    assert isinstance(source, FolderSource)
    assert source.fetch().identity == tiny_bundle.identity
    before = source.revision()
    assert source.revision() == before
    write_tiny_bundle(tiny_bundle.folder, version="2")
    assert source.revision() != before
    assert source.fetch().identity.version == "2"


def test_the_embedded_bundle_is_a_folder_too() -> None:
    assert open_source("default").revision()


def test_a_scheme_goes_to_its_plug(plug: None) -> None:
    source: ModelSource = open_source("models:/earshot@champion")
    assert isinstance(source, Registry)
    assert source.model == "models:/earshot@champion"


def test_a_scheme_that_nobody_knows_is_refused(plug: None) -> None:
    with pytest.raises(SettingsError, match="nothing here fetches 's3:' models, only gone, models"):
        open_source("s3://bucket/model")


def test_a_plug_that_is_not_installed_is_named(plug: None) -> None:
    with pytest.raises(MissingExtraError, match="lacks not_installed"):
        open_source("gone:x")
