"""What can be said of the compose file without an engine: its settings and paths are there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from benchmarks.image import Stages
from service.settings import ENV_PREFIX, Settings

FILE = Path(__file__).parents[2] / "deploy" / "compose" / "compose.yaml"
COMPOSE: dict[str, Any] = yaml.safe_load(FILE.read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]


def test_every_setting_is_one_that_the_service_has() -> None:
    names = {
        name.removeprefix(ENV_PREFIX).lower() for name in SERVICES["earshot"]["environment"] if "MLFLOW" not in name
    }
    assert names - {"cache"} <= Settings.model_fields.keys()  # the cache is the registry plug's


@pytest.mark.parametrize("name", SERVICES)
def test_every_mounted_path_config_volume_and_dependency_is_there(name: str) -> None:
    service = SERVICES[name]
    for volume in service.get("volumes", []):
        source = volume.split(":")[0]
        assert (FILE.parent / source).is_dir() if source.startswith(".") else source in COMPOSE["volumes"]
    assert {config["source"] for config in service.get("configs", [])} <= COMPOSE["configs"].keys()
    assert set(service.get("depends_on", [])) <= SERVICES.keys()
    if "build" in service:
        assert (FILE.parent / service["build"]["context"] / "Dockerfile").is_file()


def test_the_image_is_built_with_what_it_is_set_up_for() -> None:
    arguments = SERVICES["earshot"]["build"]["args"]
    assert arguments.keys() <= Stages.read().arguments.keys()
    assert {"service", "registry", "postgresql"} <= set(arguments["EXTRAS"].split(","))


def test_the_alert_rules_find_the_service_by_its_job() -> None:
    jobs = yaml.safe_load(COMPOSE["configs"]["prometheus"]["content"])["scrape_configs"]
    assert "earshot" in {job["job_name"] for job in jobs}


@pytest.mark.parametrize("name", [name for name in SERVICES if name != "earshot"])
def test_images_are_pinned_to_a_version(name: str) -> None:
    assert re.search(r":v?\d+\.\d+", SERVICES[name]["image"])


def test_ports_are_open_to_this_machine_alone() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_prometheus_reads_the_rules_that_are_mounted() -> None:
    (rules,) = yaml.safe_load(COMPOSE["configs"]["prometheus"]["content"])["rule_files"]
    assert (FILE.parents[1] / "prometheus" / Path(rules).name).is_file()


def test_a_container_outlives_its_drain() -> None:
    grace = int(SERVICES["earshot"]["stop_grace_period"].removesuffix("s"))
    assert grace > Settings.model_fields["max_drain_s"].default
