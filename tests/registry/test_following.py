"""The service follows the champion, and a registry in trouble never disturbs what is being served."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from earshot import Bundle
from registry.promotion import Asked, Ruling, promote, roll_back
from registry.push import push
from registry.reference import CHAMPION, Reference
from registry.store import Registered, Registry
from tests.registry.conftest import silent, tiny
from tests.registry.servers import MlflowServer, following, mlflow_server

_FOLLOWED_WITHIN_S = 60.0
ASKED = Asked("release", "tests")


def passing(_: Registered | None, __: Registered) -> Ruling:
    return Ruling("pass", (), "none", ())


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    with mlflow_server(tmp_path_factory.mktemp("server")) as server:
        yield server


class Caller:
    """Asks the service again and again, and notes when which model answered."""

    def __init__(self, url: str) -> None:
        self.answers: list[tuple[float, float, str]] = []
        self.failures: list[str] = []
        self._url = url
        self._stop = threading.Event()

    def _ask(self) -> None:
        with httpx2.Client(base_url=self._url, timeout=30) as client:
            while not self._stop.is_set():
                asked = time.monotonic()
                answer = client.post("/v1/classify", json={"posts": ["I want a refund today", "it leaked"]})
                if answer.status_code != 200:
                    self.failures.append(f"{answer.status_code} {answer.text}")
                    continue
                said = answer.json()
                assert [one["category"] for one in said["results"]] == ["billing", "leak"]
                self.answers.append((asked, time.monotonic(), said["model"]["version"]))
                time.sleep(0.02)  # the machine has other things to do as well

    @property
    def version(self) -> str | None:
        return self.answers[-1][2] if self.answers else None

    def wait_for(self, version: str) -> None:
        deadline = time.monotonic() + _FOLLOWED_WITHIN_S
        while self.version != version:
            assert time.monotonic() < deadline, f"still {self.version}, {self.failures[:1]}"
            time.sleep(0.02)

    def wait_for_more(self, count: int = 20) -> None:
        goal = len(self.answers) + count
        while len(self.answers) < goal:
            time.sleep(0.01)

    @contextmanager
    def calling(self) -> Iterator[Caller]:
        threads = [threading.Thread(target=self._ask) for _ in range(2)]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            for thread in threads:
                thread.join()


def test_ten_promotions_and_rollbacks_under_load_are_followed_and_a_registry_in_trouble_is_not(
    server: MlflowServer, tmp_path: Path
) -> None:
    registry = Registry(server.uri, "followed")
    for number in ("1", "2", "3"):
        push(tiny(tmp_path, number), registry, silent)
    promote(registry, versions_of(registry, "1"), passing, ASKED, force=False)
    environment = {
        "MLFLOW_TRACKING_URI": server.uri,
        "EARSHOT_CACHE": str(tmp_path / "cache"),
        "EARSHOT_MODEL_POLL_S": "1",
        "EARSHOT_FEEDBACK_DATABASE": "off",
    }
    with following("models:/followed@champion", tmp_path, environment) as url, Caller(url).calling() as caller:
        caller.wait_for("1")
        # Each moment from which a version was the champion, told by the registry itself.
        reigns: list[tuple[float, str]] = [(0.0, "1")]

        def step(number: str | None) -> None:
            before = time.monotonic()
            if number is None:
                entry = roll_back(registry, ASKED)
            else:
                entry = promote(registry, versions_of(registry, number), passing, ASKED, force=False)
            reigns.append((before, entry.after.model.removeprefix("tiny ")))
            caller.wait_for(reigns[-1][1])

        for asked_for in ("2", "3", None, None, "3", None, "2", "1", None, "3"):
            step(asked_for)
        assert len(registry.history()[0]) == 11

        # The registry dies: the service goes on, and so does one that is started meanwhile, from the cache.
        server.kill()
        caller.wait_for_more(50)
        assert caller.version == "3"
        with following("models:/followed@champion", tmp_path, environment) as other:
            found = httpx2.get(f"{other}/v1/model").json()
            assert found["version"] == "3"
        server.start()
        step("2")

        # A version whose artifacts were damaged after it was pushed: refused, and the champion of before goes on.
        damaged = push(tiny(tmp_path, "4"), registry, silent)
        (graph,) = [path for path in server.artifacts.rglob("bundle/model.onnx") if is_of(path.parent, damaged.digest)]
        graph.write_bytes(graph.read_bytes()[:-1] + b"x")
        registry.move(CHAMPION, damaged)
        deadline = time.monotonic() + _FOLLOWED_WITHIN_S
        while 'earshot_model_reloads_total{outcome="refused"} 0.0' in httpx2.get(f"{url}/metrics").text:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        caller.wait_for_more()
        assert caller.version == "2"
        step("1")
    assert caller.failures == []
    for asked, answered, version in caller.answers:
        # Whoever answers was the champion while it was asked, or until it was found that there is another.
        reigning = max(index for index, (since, _) in enumerate(reigns) if since <= asked)
        latest = max(index for index, (since, _) in enumerate(reigns) if since <= answered)
        assert version in {name for _, name in reigns[max(0, reigning - 1) : latest + 1]}


def versions_of(registry: Registry, version: str) -> Reference:
    return Reference(registry.name, number=int(version))


def is_of(folder: Path, digest: str) -> bool:
    return Bundle.load(folder).manifest.digest == digest
