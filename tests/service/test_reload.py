"""The model is changed while the service goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from earshot import Bundle, Post
from earshot.bundle import GRAPH
from service.app import create_app
from service.errors import ReloadRefusedError
from service.keys import key_line
from service.lifespan import Lifecycle
from service.model_source import FolderSource
from service.schemas import ModelChange
from service.settings import Settings
from tests.service.asgi import tell
from tests.service.conftest import wait_until_ready
from tests.service.fakes import HeldPipeline
from tests.tiny import write_tiny_bundle


def outcomes(lifecycle: Lifecycle) -> dict[str, float]:
    return {
        name: value
        for name in ("switched", "unchanged", "refused", "rolled_back")
        if (value := lifecycle.metrics.registry.get_sample_value("earshot_model_reloads_total", {"outcome": name}))
    }


@pytest.fixture
def lifecycle(tiny_bundle: Bundle) -> Lifecycle:
    return Lifecycle(Settings(model=str(tiny_bundle.folder), threads=1))


def served(lifecycle: Lifecycle) -> str:
    return lifecycle.model().identity.version


def test_a_new_bundle_takes_the_place_of_the_old_which_can_be_gone_back_to(
    lifecycle: Lifecycle, tiny_bundle: Bundle
) -> None:
    async def story() -> None:
        write_tiny_bundle(tiny_bundle.folder, version="2")
        change = await lifecycle.reload()
        assert (change.outcome, change.model.version, served(lifecycle)) == ("switched", "2", "2")
        assert change.previous is not None
        assert change.previous.version == "1"
        assert len((await lifecycle.model().classifier.classify([Post("love")])).results) == 1
        back = await lifecycle.roll_back()
        assert (back.outcome, served(lifecycle)) == ("rolled_back", "1")
        assert len((await lifecycle.model().classifier.classify([Post("love")])).results) == 1
        assert (await lifecycle.roll_back()).model.version == "2"

    tell(lifecycle, story)
    assert outcomes(lifecycle) == {"switched": 1, "rolled_back": 2}


def test_the_same_bundle_changes_nothing(lifecycle: Lifecycle) -> None:
    async def story() -> None:
        model = lifecycle.model()
        assert (await lifecycle.reload()).outcome == "unchanged"
        assert lifecycle.model() is model

    tell(lifecycle, story)
    assert outcomes(lifecycle) == {"unchanged": 1}


def test_a_bad_bundle_changes_nothing_and_is_told_of(
    lifecycle: Lifecycle, tiny_bundle: Bundle, caplog: pytest.LogCaptureFixture
) -> None:
    async def story() -> None:
        write_tiny_bundle(tiny_bundle.folder, version="2")
        await lifecycle.reload()
        tiny_bundle.graph_path.write_bytes(b"\0")
        with pytest.raises(ReloadRefusedError, match="was changed"):
            await lifecycle.reload()
        assert served(lifecycle) == "2"
        assert (await lifecycle.roll_back()).model.version == "1"  # that is still there too

    tell(lifecycle, story)
    assert outcomes(lifecycle) == {"switched": 1, "refused": 1, "rolled_back": 1}
    assert "the new model is refused, tiny 2 goes on" in caplog.text


def test_a_bundle_that_computes_something_else_than_it_says_is_refused(
    lifecycle: Lifecycle, tiny_bundle: Bundle
) -> None:
    async def story() -> None:
        labels = ("leak", "none", "praise", "billing", "complaint", "feature-request")
        write_tiny_bundle(tiny_bundle.folder, version="2", labels={"categories": labels})
        with pytest.raises(ReloadRefusedError, match="categories"):
            await lifecycle.reload()
        assert served(lifecycle) == "1"

    tell(lifecycle, story)


def test_there_is_nothing_to_go_back_to_at_first(lifecycle: Lifecycle) -> None:
    async def story() -> None:
        with pytest.raises(ReloadRefusedError, match="no model from before"):
            await lifecycle.roll_back()

    tell(lifecycle, story)


def test_what_the_old_model_was_asked_it_answers(tiny_bundle: Bundle, tmp_path: Path) -> None:
    old = HeldPipeline(tiny_bundle)
    bundles = iter([old, HeldPipeline(write_tiny_bundle(tmp_path / "new", version="2"))])
    lifecycle = Lifecycle(Settings(), lambda: next(bundles))

    async def story() -> None:
        with old.held():
            asked = lifecycle.model()
            task = asyncio.create_task(asked.classifier.classify([Post("love")]))
            await asyncio.to_thread(old.wait_until_entered)
            await lifecycle.reload()
            assert served(lifecycle) == "2"
            assert len((await lifecycle.model().classifier.classify([Post("love")])).results) == 1
            assert not task.done()
        assert len((await task).results) == 1

    tell(lifecycle, story)


def test_a_source_is_followed_and_a_bad_bundle_is_tried_once(tiny_bundle: Bundle) -> None:
    class Source(FolderSource):
        fetched = 0
        asked = 0

        def revision(self) -> str:
            self.asked += 1
            return super().revision()

        def fetch(self) -> Bundle:
            self.fetched += 1
            return super().fetch()

    source = Source(str(tiny_bundle.folder))
    settings = Settings(threads=1).model_copy(update={"model_poll_s": 0.001})
    lifecycle = Lifecycle(settings, source=source)

    async def until(holds: Callable[[], bool]) -> None:
        while not holds():  # noqa: ASYNC110
            await asyncio.sleep(0.001)

    async def story() -> None:
        await until(lambda: source.asked > 0)
        write_tiny_bundle(tiny_bundle.folder, version="2")
        await until(lambda: served(lifecycle) == "2")
        manifest = tiny_bundle.folder / "manifest.json"
        manifest.write_text(manifest.read_text() + " ")
        (tiny_bundle.folder / GRAPH).write_bytes(b"\0")
        await until(lambda: bool(outcomes(lifecycle).get("refused")))
        fetched, asked = source.fetched, source.asked
        await until(lambda: source.asked > asked + 5)
        assert source.fetched == fetched
        assert served(lifecycle) == "2"

    tell(lifecycle, story)


def test_reload_and_rollback_by_http(tiny_bundle: Bundle, tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text(key_line("ops", "a1"))
    settings = Settings(model=str(tiny_bundle.folder), threads=1, admin_keys_file=keys)
    headers = {"X-API-Key": "a1"}
    with TestClient(create_app(settings), headers=headers) as client:
        wait_until_ready(client)
        response = client.post("/admin/rollback")
        assert (response.status_code, response.json()["type"]) == (409, "urn:earshot:problem:reload-refused")
        write_tiny_bundle(tiny_bundle.folder, version="2")
        change = ModelChange.model_validate_json(client.post("/admin/reload").content, strict=True)
        assert (change.outcome, change.model.version) == ("switched", "2")
        assert client.get("/v1/model").json()["version"] == "2"
        assert 'earshot_model_info{digest="' + change.model.digest in client.get("/metrics").text
        assert client.post("/admin/rollback").json()["model"]["version"] == "1"


def test_a_model_that_hangs_fails_liveness_and_readiness_and_the_log_says_so(
    tiny_bundle: Bundle, caplog: pytest.LogCaptureFixture
) -> None:
    pipeline = HeldPipeline(tiny_bundle)
    settings = Settings(max_batch_ms=20)
    lifecycle = Lifecycle(settings, lambda: pipeline)
    with TestClient(create_app(settings, lifecycle)) as client:
        wait_until_ready(client)
        with pipeline.held():
            response = client.post("/v1/classify", json={"posts": ["love"]}, headers={"X-Request-Timeout-Ms": "30"})
            assert response.status_code == 504
            while client.get("/livez").status_code != 503:
                pass
            assert client.get("/readyz").status_code == 503
            assert "has stopped answering" in client.get("/livez").json()["detail"]
            assert "earshot_alive 0.0" in client.get("/metrics").text
            while "liveness fails" not in caplog.text:
                pass
        wait_until_ready(client)
