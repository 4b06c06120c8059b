"""A bundle goes into a real MLflow registry and comes out as the same bundle."""

from __future__ import annotations

from pathlib import Path

import mlflow
import pandas as pd
import pytest

from earshot import Bundle, Pipeline, Post
from earshot.bundle import EvaluationSummary, Figure
from registry.errors import RegistryError
from registry.push import push
from registry.reference import CHALLENGER, Reference
from registry.store import Registered, Registry
from tests.registry.conftest import silent, tiny


def test_the_newest_version_is_the_challenger_and_says_where_it_comes_from(
    pushed: tuple[Registry, list[Registered]],
) -> None:
    registry, versions = pushed
    assert [version.number for version in registry.versions()] == [3, 2, 1]
    assert registry.alias(CHALLENGER) == versions[2]
    assert versions[0].bundle == "tiny 1"
    assert versions[0].digest.startswith("sha256:")
    assert "complaint" in versions[0].tags["earshot.taxonomy"]
    assert versions[0].tags["earshot.command"] == "tests"


def test_a_pulled_bundle_is_the_pushed_one(pushed: tuple[Registry, list[Registered]], tmp_path: Path) -> None:
    registry, versions = pushed
    bundle = registry.pull(Reference("pushed", number=2), tmp_path / "pulled")
    assert bundle.manifest.digest == versions[1].digest
    assert Bundle.load(tmp_path / "pulled").identity.version == "2"


def test_another_registry_in_the_environment_is_not_asked(
    pushed: tuple[Registry, list[Registered]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry, versions = pushed
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    bundle = Registry(registry.uri, "pushed").pull(Reference("pushed", number=1), tmp_path / "pulled")
    assert bundle.manifest.digest == versions[0].digest


def test_the_pyfunc_gives_exactly_our_predictions(pushed: tuple[Registry, list[Registered]], tmp_path: Path) -> None:
    registry, _ = pushed
    mlflow.set_tracking_uri(registry.uri)
    texts = ["I want a refund today", "it leaked", "   ", "my account was stolen"]
    table = mlflow.pyfunc.load_model("models:/pushed/1").predict(pd.DataFrame({"text": texts}))
    bundle = registry.pull(Reference("pushed", number=1), tmp_path / "pulled")
    with Pipeline(bundle, threads=1) as pipeline:
        ours = [result.as_dict() for result in pipeline.predict([Post(text) for text in texts])]
    assert [one.get("category", "") for one in ours] == list(table["predicted_category"])
    assert [one.get("confidence", 0.0) for one in ours] == list(table["confidence"])
    assert [one.get("urgency", "") for one in ours] == list(table["predicted_urgency"])
    assert [bool(error) for error in table["error"]] == [False, False, True, False]


def test_figures_of_every_name_become_tags(uri: str, mlflow_home: Path, tmp_path: Path) -> None:
    figures = tuple(
        Figure(metric=metric, value=0.9, low=0.8, high=0.95) for metric in ("macro_f1", "recall[feature-request]")
    )
    summary = EvaluationSummary(
        suite="my suite",
        data_sha256="0" * 64,
        n=9,
        slice="all",
        confidence_level=0.95,
        seed=0,
        command="",
        figures=figures,
    )
    bundle = tiny(tmp_path, "1").update_card("# tiny", [summary])
    tags = push(bundle, Registry(uri, "figures"), silent).tags
    assert tags["earshot.my suite.macro_f1"] == "0.9000 (0.8000 to 0.9500, n = 9)"
    assert "earshot.my suite.recall.feature-request" in tags


def test_a_changed_artifact_is_refused(uri: str, mlflow_home: Path, tmp_path: Path) -> None:
    registry = Registry(uri, "changed")
    version = push(tiny(tmp_path, "1"), registry, silent)
    client = mlflow.MlflowClient(uri, uri)
    client.set_model_version_tag("changed", str(version.number), "earshot.digest", "sha256:" + "0" * 64)
    with pytest.raises(RegistryError, match="somebody changed its artifacts"):
        registry.pull(Reference("changed", number=1), tmp_path / "pulled")
    assert not (tmp_path / "pulled").exists()


@pytest.mark.parametrize("version", ["@champion", "9"])
def test_a_version_that_is_not_there_is_named(pushed: tuple[Registry, list[Registered]], version: str) -> None:
    registry, _ = pushed
    with pytest.raises(RegistryError, match="holds no models:/pushed"):
        registry.find(Reference.of("pushed", version))
    assert Registry(registry.uri, "nothing").versions() == []
    assert Registry(registry.uri, "nothing").history() == ((), ())


def test_a_registry_that_cannot_be_reached_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(RegistryError, match=r"MLflow at http://127\.0\.0\.1:9"):
        Registry("http://127.0.0.1:9").versions()


@pytest.mark.parametrize("uri", ["models:/earshot", "models:/earshot/0", "earshot@champion", "models:/a@b@c", ""])
def test_what_names_no_version_is_refused(uri: str) -> None:
    with pytest.raises(RegistryError, match="names no registered version"):
        Reference.parse(uri)
