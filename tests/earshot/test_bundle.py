from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from earshot import Bundle, BundleError, BundleIntegrityError, BundleVersionError
from earshot.bundle import (
    GRAPH,
    MANIFEST,
    MODEL_CARD,
    TOKENIZER,
    EvaluationSummary,
    Figure,
    Manifest,
    TrainingData,
    embedded_bundle,
)
from tests.tiny import write_tiny_bundle

EVALUATION = EvaluationSummary(
    suite="smoke",
    data_sha256="0" * 64,
    n=10,
    slice="all",
    confidence_level=0.95,
    seed=1,
    command="earshot eval run",
    figures=(Figure(metric="macro_f1", value=0.9, low=0.8, high=0.95),),
)


def edit(bundle: Bundle, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the manifest as somebody with a text editor would."""
    path = bundle.folder / MANIFEST
    content = json.loads(path.read_text(encoding="utf-8"))
    change(content)
    path.write_text(json.dumps(content), encoding="utf-8")


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def files_of(bundle: Bundle) -> dict[str, Path | bytes]:
    return {name: bundle.folder / name for name in bundle.manifest.files}


def test_a_bundle_comes_back_as_it_was_written(tiny_bundle: Bundle) -> None:
    loaded = Bundle.load(tiny_bundle.folder)
    assert loaded == tiny_bundle
    assert loaded.identity.digest == loaded.manifest.digest
    assert re.fullmatch("sha256:[0-9a-f]{64}", loaded.manifest.digest)
    assert {path.name for path in loaded.folder.iterdir()} == {MANIFEST, GRAPH, TOKENIZER, MODEL_CARD}


# What is refused when a bundle is loaded.


@pytest.mark.parametrize("name", [GRAPH, TOKENIZER, MODEL_CARD])
def test_a_changed_file_is_refused_by_name(tiny_bundle: Bundle, name: str) -> None:
    path = tiny_bundle.folder / name
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(BundleIntegrityError, match=rf"{name} was changed: SHA-256"):
        Bundle.load(tiny_bundle.folder)


@pytest.mark.parametrize("name", [GRAPH, TOKENIZER, MODEL_CARD])
def test_a_missing_file_is_refused_by_name(tiny_bundle: Bundle, name: str) -> None:
    (tiny_bundle.folder / name).unlink()
    with pytest.raises(BundleIntegrityError, match=rf"{name}: No such file.* not complete"):
        Bundle.load(tiny_bundle.folder)


@pytest.mark.parametrize("name", [GRAPH, TOKENIZER, MODEL_CARD])
def test_a_manifest_that_lists_too_little_is_refused(tiny_bundle: Bundle, name: str) -> None:
    edit(tiny_bundle, lambda manifest: manifest["files"].pop(name))
    with pytest.raises(BundleIntegrityError, match=rf"manifest\.json lists no {name}"):
        Bundle.load(tiny_bundle.folder)


def test_a_file_that_the_manifest_does_not_list_is_refused_by_name(tiny_bundle: Bundle) -> None:
    (tiny_bundle.folder / "model.onnx.data").write_bytes(b"other weights")
    with pytest.raises(BundleIntegrityError, match=r"does not list: model\.onnx\.data"):
        Bundle.load(tiny_bundle.folder)


def test_hidden_files_are_passed_over(tiny_bundle: Bundle) -> None:
    (tiny_bundle.folder / ".DS_Store").write_bytes(b"")
    assert Bundle.load(tiny_bundle.folder) == tiny_bundle


@pytest.mark.parametrize("name", ["../secret", "/etc/hostname", "a/b", "..", ".", "", "a\0b", MANIFEST])
def test_a_name_that_leads_elsewhere_is_refused(tiny_bundle: Bundle, name: str) -> None:
    (tiny_bundle.folder.parent / "secret").write_bytes(b"")
    info = tiny_bundle.manifest.files[GRAPH].model_dump()
    edit(tiny_bundle, lambda manifest: manifest["files"].update({name: info}))
    with pytest.raises(BundleIntegrityError, match="not the plain name of another file"):
        Bundle.load(tiny_bundle.folder)


@pytest.mark.parametrize(("version", "advice"), [(2, "upgrade earshot"), (0, "again"), ("1", "again"), (None, "again")])
def test_another_schema_is_refused_with_advice(tiny_bundle: Bundle, version: object, advice: str) -> None:
    edit(tiny_bundle, lambda manifest: manifest.update(schema_version=version, news="from the future"))
    with pytest.raises(
        BundleVersionError, match=rf"manifest\.json has schema_version .*this version reads 1: .*{advice}"
    ):
        Bundle.load(tiny_bundle.folder)


def test_an_unknown_key_is_refused_rather_than_ignored(tiny_bundle: Bundle) -> None:
    edit(tiny_bundle, lambda manifest: manifest["calibration"].update(bias=1))
    with pytest.raises(BundleIntegrityError, match=r"unknown key calibration\.bias: another version of earshot"):
        Bundle.load(tiny_bundle.folder)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"name": ""}, "name: "),
        ({"calibration": {"category_temperature": 0}}, r"calibration\.category_temperature: "),
        ({"thresholds": {"min_confidence": 2}}, r"thresholds\.min_confidence: "),
        ({"limits": {"max_tokens": 0, "max_characters": 9}}, r"limits\.max_tokens: "),
        ({"taxonomy": {"name": "t", "categories": []}}, r"taxonomy\.categories: "),
    ],
)
def test_an_unusable_manifest_is_refused_by_field(tiny_bundle: Bundle, change: dict[str, Any], complaint: str) -> None:
    edit(tiny_bundle, lambda manifest: manifest.update(change))
    with pytest.raises(BundleIntegrityError, match=rf"manifest\.json: {complaint}"):
        Bundle.load(tiny_bundle.folder)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[" * 100_000])
def test_a_manifest_that_is_not_json_is_refused(tiny_bundle: Bundle, content: bytes) -> None:
    (tiny_bundle.folder / MANIFEST).write_bytes(content)
    with pytest.raises(BundleIntegrityError, match=r"manifest\.json is not JSON"):
        Bundle.load(tiny_bundle.folder)


def test_a_manifest_that_is_no_object_has_no_schema(tiny_bundle: Bundle) -> None:
    (tiny_bundle.folder / MANIFEST).write_text("[1]", encoding="utf-8")
    with pytest.raises(BundleVersionError, match="schema_version None"):
        Bundle.load(tiny_bundle.folder)


@pytest.mark.parametrize("name", ["nowhere", "a-file", "empty"])
def test_what_is_no_bundle_is_refused_by_path(tmp_path: Path, name: str) -> None:
    (tmp_path / "a-file").write_bytes(b"")
    (tmp_path / "empty").mkdir()
    with pytest.raises(BundleError, match=rf"no bundle at .*{name}: cannot read manifest\.json"):
        Bundle.load(tmp_path / name)


def test_default_names_the_embedded_bundle() -> None:
    assert embedded_bundle().parts[-3:] == ("earshot", "models", "default")
    if embedded_bundle().is_dir():
        assert Bundle.load().folder == embedded_bundle()
    else:
        with pytest.raises(BundleError, match=r"no embedded bundle.*--model"):
            Bundle.load()


# What the digest depends on.


def test_the_digest_tells_models_apart_and_ignores_card_and_evaluation(tiny_bundle: Bundle) -> None:
    manifest = tiny_bundle.manifest
    other = write_tiny_bundle(tiny_bundle.folder.parent / "other", version="2").manifest
    assert other.digest != manifest.digest
    assert manifest.model_copy(update={"evaluation": (EVALUATION,)}).digest == manifest.digest
    changed = manifest.thresholds.model_copy(update={"min_margin": 0.2})
    assert manifest.model_copy(update={"thresholds": changed}).digest != manifest.digest


def test_a_new_card_and_evaluation_leave_the_digest(tiny_bundle: Bundle) -> None:
    updated = tiny_bundle.update_card("# Tiny, evaluated\n", [EVALUATION])
    assert updated == Bundle.load(tiny_bundle.folder)
    assert updated.manifest.evaluation == (EVALUATION,)
    assert updated.identity == tiny_bundle.identity
    assert (updated.folder / MODEL_CARD).read_text(encoding="utf-8") == "# Tiny, evaluated\n"


def test_a_card_does_not_bless_a_changed_graph(tiny_bundle: Bundle) -> None:
    with tiny_bundle.graph_path.open("ab") as graph:
        graph.write(b"\0")
    with pytest.raises(BundleIntegrityError, match=r"model\.onnx was changed"):
        tiny_bundle.update_card("# Tiny\n", [])


# Writing: all of it, or nothing.


def test_a_bundle_replaces_a_bundle_and_leaves_nothing_else(tiny_bundle: Bundle) -> None:
    manifest = tiny_bundle.manifest.model_copy(update={"version": "2"})
    Bundle.write(tiny_bundle.folder, manifest, files_of(tiny_bundle))
    assert Bundle.load(tiny_bundle.folder).manifest.version == "2"
    assert [path.name for path in tiny_bundle.folder.parent.iterdir()] == ["tiny"]


def test_a_bundle_is_written_into_new_folders_and_an_empty_one(tiny_bundle: Bundle, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for folder in (tmp_path / "new" / "deeper", tmp_path / "empty"):
        assert Bundle.write(folder, tiny_bundle.manifest, files_of(tiny_bundle)).manifest == tiny_bundle.manifest
        assert folder.stat().st_mode & 0o777 == tiny_bundle.folder.stat().st_mode & 0o777


def test_a_link_to_a_bundle_stays_a_link(tiny_bundle: Bundle, tmp_path: Path) -> None:
    link = tmp_path / "current"
    link.symlink_to(tiny_bundle.folder)
    manifest = tiny_bundle.manifest.model_copy(update={"version": "2"})
    Bundle.write(link, manifest, files_of(tiny_bundle))
    assert link.is_symlink()
    assert Bundle.load(tiny_bundle.folder).manifest.version == "2"


def test_nothing_but_a_bundle_is_replaced(tiny_bundle: Bundle, tmp_path: Path) -> None:
    precious = tmp_path / "thesis"
    precious.mkdir()
    (precious / "chapter").write_bytes(b"one")
    with pytest.raises(BundleError, match="thesis exists and is no bundle"):
        Bundle.write(precious, tiny_bundle.manifest, files_of(tiny_bundle))
    with pytest.raises(BundleError, match="chapter is a file: name a folder"):
        Bundle.write(precious / "chapter", tiny_bundle.manifest, files_of(tiny_bundle))
    assert contents(precious) == {"chapter": b"one"}


@pytest.mark.parametrize(
    ("files", "complaint"),
    [
        ({}, f"lists no {GRAPH}"),
        ({"../outside": b""}, "not the plain name"),
        ({MANIFEST: b"{}"}, "not the plain name"),
    ],
)
def test_what_could_not_be_loaded_is_not_written(
    tiny_bundle: Bundle, tmp_path: Path, files: dict[str, Path | bytes], complaint: str
) -> None:
    before = contents(tiny_bundle.folder)
    with pytest.raises(BundleError, match=rf"tiny is not written.*{complaint}"):
        Bundle.write(tiny_bundle.folder, tiny_bundle.manifest, files)
    assert contents(tiny_bundle.folder) == before
    assert [path.name for path in tmp_path.iterdir()] == ["tiny"]


def test_a_source_that_cannot_be_copied_leaves_the_old_bundle(tiny_bundle: Bundle, tmp_path: Path) -> None:
    before = contents(tiny_bundle.folder)
    with pytest.raises(FileNotFoundError):
        Bundle.write(tiny_bundle.folder, tiny_bundle.manifest, {GRAPH: tmp_path / "nowhere"})
    assert contents(tiny_bundle.folder) == before
    assert [path.name for path in tmp_path.iterdir()] == ["tiny"]


def test_the_old_bundle_is_back_when_the_new_one_cannot_take_its_place(
    tiny_bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(tiny_bundle.folder)
    rename = Path.rename

    def refuse_the_new(self: Path, target: Path) -> Path:
        if self.name == "new":
            raise OSError("the disk is gone")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refuse_the_new)
    with pytest.raises(OSError, match="the disk is gone"):
        Bundle.write(tiny_bundle.folder, tiny_bundle.manifest, files_of(tiny_bundle))
    assert contents(tiny_bundle.folder) == before
    assert [path.name for path in tmp_path.iterdir()] == ["tiny"]


def test_a_figure_that_json_cannot_hold_is_refused_when_it_is_made() -> None:
    with pytest.raises(ValidationError, match="finite"):
        Figure(metric="macro_f1", value=float("nan"), low=0, high=1)


def test_training_data_keeps_its_licence_counts() -> None:
    data = TrainingData(name="a.jsonl", sha256="0" * 64, rows=3, licences={"MIT": 2})
    assert TrainingData.model_validate_json(data.model_dump_json()) == data


def test_a_bundle_keeps_the_digest_that_it_was_released_with() -> None:
    """A key that the manifest learned later must not change what is known under this name."""
    manifest = json.loads((Path(__file__).parent / "released_manifest.json").read_text(encoding="utf-8"))
    assert Manifest.model_validate(manifest).digest.startswith("sha256:8f2a4b3aab1c")
