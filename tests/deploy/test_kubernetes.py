"""The manifests are what Kubernetes takes, and agree with the service that they run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from service.metrics import Metrics
from service.settings import ENV_PREFIX, Settings

FOLDER = Path(__file__).parents[2] / "deploy" / "kubernetes"
VERSION = "1.34"
_NOT_OF_KUBERNETES = {"kustomization.yaml", "prometheus-adapter.yaml"}
MANIFESTS = sorted(path for path in FOLDER.glob("*.yaml") if path.name not in _NOT_OF_KUBERNETES)


def read(name: str) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((FOLDER / name).read_text())
    return content


def container() -> dict[str, Any]:
    (found,) = read("deployment.yaml")["spec"]["template"]["spec"]["containers"]
    return dict(found)


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.stem)
def test_each_manifest_keeps_to_the_schema(path: Path) -> None:
    kubernetes_validate.validate(yaml.safe_load(path.read_text()), VERSION, strict=True)


def test_every_manifest_is_applied() -> None:
    assert sorted(read("kustomization.yaml")["resources"]) == [path.name for path in MANIFESTS]


def test_every_setting_is_one_that_the_service_has() -> None:
    names = {name.removeprefix(ENV_PREFIX).lower() for name in read("configuration.yaml")["data"]}
    assert names <= Settings.model_fields.keys()


def test_a_pod_outlives_its_drain() -> None:
    spec = read("deployment.yaml")["spec"]["template"]["spec"]
    pause = int(container()["lifecycle"]["preStop"]["exec"]["command"][1])
    drain = int(read("configuration.yaml")["data"]["EARSHOT_MAX_DRAIN_S"])
    assert spec["terminationGracePeriodSeconds"] >= pause + drain + 5


def test_probes_ask_what_the_service_answers() -> None:
    asked = {kind: container()[f"{kind}Probe"]["httpGet"]["path"] for kind in ("startup", "readiness", "liveness")}
    assert asked == {"startup": "/livez", "readiness": "/readyz", "liveness": "/livez"}


def test_the_autoscaler_asks_for_a_metric_that_the_service_gives() -> None:
    (rule,) = read("prometheus-adapter.yaml")["rules"]["custom"]
    (metric,) = read("autoscaling.yaml")["spec"]["metrics"]
    assert metric["pods"]["metric"]["name"] == rule["name"]["as"]
    given = {one.name for one in Metrics().described}
    assert {"earshot_pending_tokens", "earshot_pending_tokens_limit"} <= given
    assert rule["seriesQuery"].startswith("earshot_pending_tokens{")


def test_every_selector_finds_the_pods() -> None:
    labels = read("deployment.yaml")["spec"]["template"]["metadata"]["labels"]
    selectors = [
        read("deployment.yaml")["spec"]["selector"]["matchLabels"],
        read("service.yaml")["spec"]["selector"],
        read("disruption.yaml")["spec"]["selector"]["matchLabels"],
        read("network.yaml")["spec"]["podSelector"]["matchLabels"],
    ]
    assert all(selector.items() <= labels.items() for selector in selectors)
    assert read("service.yaml")["spec"]["ports"][0]["targetPort"] == container()["ports"][0]["name"]
