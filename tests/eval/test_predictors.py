from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx2
import pytest

from earshot.errors import EarshotError
from earshot.pipeline import Pipeline
from earshot.post import Post, Prediction, Rejection, Result
from earshot.predictor import ModelIdentity
from earshot.taxonomy import Taxonomy
from eval.errors import ServiceError
from eval.predictors import (
    MAX_BATCH_SIZE,
    MAX_FAILED_IN_A_ROW,
    MAX_RETRIES,
    MAX_WAIT_BUSY_S,
    HttpPredictor,
    open_service,
    predict_with_progress,
)
from tests.eval.contract_server import Answer, ContractServer
from tests.tiny import KEYWORDS

POSTS = [Post(f"{word} number {index}", id=f"x{index}") for index, word in enumerate(list(KEYWORDS) * 35)]


class Clock:
    """Waits in no time, and remembers for how long."""

    def __init__(self) -> None:
        self.waits: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def predictor(server: ContractServer, clock: Clock) -> Iterator[HttpPredictor]:
    with httpx2.Client(base_url=server.url, timeout=10) as client:
        yield HttpPredictor(client, sleep=clock.sleep)


def test_a_service_says_the_same_as_its_bundle(predictor: HttpPredictor, pipeline: Pipeline) -> None:
    assert predictor.predict(POSTS) == pipeline.predict(POSTS)
    assert predictor.identity == pipeline.identity
    assert predictor.taxonomy == pipeline.taxonomy


def test_a_service_is_asked_in_batches(predictor: HttpPredictor, server: ContractServer) -> None:
    predictor.predict(POSTS)
    assert sum(server.batch_sizes) == len(POSTS)
    assert max(server.batch_sizes) == MAX_BATCH_SIZE


def test_a_rejected_post_keeps_its_place_and_id(predictor: HttpPredictor) -> None:
    first, second, third = predictor.predict([Post("refund", "a"), Post(" ", "b"), Post("leaked", "a")])
    assert isinstance(first, Prediction) and (first.id, first.category) == ("a", "billing")
    assert isinstance(second, Rejection) and (second.id, second.type) == ("b", "empty-post")
    assert isinstance(third, Prediction) and (third.id, third.category) == ("a", "leak")


def test_no_posts_are_no_request(predictor: HttpPredictor, server: ContractServer) -> None:
    assert predictor.predict([]) == []
    assert server.batch_sizes == []


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_service_is_asked_again_when_it_says(
    status: int, predictor: HttpPredictor, server: ContractServer, clock: Clock
) -> None:
    server.instead = [Answer(status, headers={"Retry-After": "3"}), Answer(status)]
    assert len(predictor.predict(POSTS[:2])) == 2
    assert clock.waits == [3.0, 1.0]


def test_a_retry_date_is_understood(predictor: HttpPredictor, server: ContractServer, clock: Clock) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=20), usegmt=True)
    server.instead = [Answer(503, headers={"Retry-After": date})]
    predictor.predict(POSTS[:1])
    assert 10 < clock.waits[0] <= 20


@pytest.mark.parametrize("header", ["soon", "", "-5", "0"])
def test_an_odd_retry_header_still_waits_a_moment(
    header: str, predictor: HttpPredictor, server: ContractServer, clock: Clock
) -> None:
    server.instead = [Answer(429, headers={"Retry-After": header})]
    predictor.predict(POSTS[:1])
    assert clock.waits[0] > 0


def test_a_service_that_stays_busy_is_given_up(predictor: HttpPredictor, server: ContractServer, clock: Clock) -> None:
    server.instead = [Answer(429, headers={"Retry-After": "20"})] * 100
    with pytest.raises(ServiceError, match="429"):
        predictor.predict(POSTS[:1])
    assert sum(clock.waits) <= MAX_WAIT_BUSY_S


def test_a_call_that_failed_once_is_made_again_and_counted(
    predictor: HttpPredictor, server: ContractServer, pipeline: Pipeline
) -> None:
    server.instead = [Answer(500)]
    assert predictor.predict(POSTS) == pipeline.predict(POSTS)
    (found,) = predictor.problems()
    assert (found.kind, found.count, found.examples) == ("server-error", 1, ("POST /v1/classify: status 500",))


def test_a_post_that_breaks_the_service_is_named_and_spoils_no_other(
    predictor: HttpPredictor, server: ContractServer, clock: Clock
) -> None:
    server.fails_on = "leaked number 4"
    results = predictor.predict(POSTS[:10])
    (poisoned,) = [result for result in results if isinstance(result, Rejection)]
    assert (poisoned.id, poisoned.type) == ("x4", "no-answer")
    assert len(results) == 10
    assert [(one.kind, one.count) for one in predictor.problems()] == [
        ("server-error", 2 * (1 + MAX_RETRIES)),
        ("no-answer", 1),
    ]


def test_a_service_that_fails_all_the_time_is_given_up(
    predictor: HttpPredictor, server: ContractServer, clock: Clock
) -> None:
    server.fails_every = 1
    with pytest.raises(ServiceError, match=r"fails again and again: POST /v1/classify: status 500"):
        predictor.predict(POSTS)
    assert server.calls <= (MAX_FAILED_IN_A_ROW + 10) * (1 + MAX_RETRIES)


def test_a_service_that_changes_its_model_is_an_error(predictor: HttpPredictor, server: ContractServer) -> None:
    server.changes = {"model": {"digest": "sha256:other"}}
    with pytest.raises(ServiceError, match="changed its model"):
        predictor.predict(POSTS[:1])


@pytest.mark.parametrize(
    "results",
    [[], [{"id": "1", "error": {"type": "t", "title": "t", "detail": "d"}}]],
    ids=["too few", "of another post"],
)
def test_results_of_other_posts_are_an_error(
    results: list[object], predictor: HttpPredictor, server: ContractServer
) -> None:
    server.changes = {"results": results}
    with pytest.raises(ServiceError, match="other posts"):
        predictor.predict(POSTS[:1])


@pytest.mark.parametrize(
    "results",
    [
        [{"id": "0", "category": "billing", "text": "secret words"}],
        [{"id": "0", "error": {}}],
        [{"id": "0", "error": 3}],
    ],
)
def test_an_unusable_result_is_an_error_that_repeats_no_text(
    results: list[object], predictor: HttpPredictor, server: ContractServer
) -> None:
    server.changes = {"results": results}
    with pytest.raises(ServiceError, match="unusable") as caught:
        predictor.predict(POSTS[:1])
    assert "secret" not in str(caught.value)


def test_labels_outside_the_taxonomy_are_an_error(predictor: HttpPredictor, server: ContractServer) -> None:
    (result,) = server.pipeline.predict([Post("refund", "0")])
    server.changes = {"results": [result.as_dict() | {"scores": {"spam": 1.0}, "category": "spam"}]}
    with pytest.raises(ServiceError, match="taxonomy"):
        predictor.predict(POSTS[:1])


def test_a_server_that_is_no_earshot_is_named(server: ContractServer) -> None:
    server.model_changes = {"taxonomy": None}
    with pytest.raises(ServiceError, match="is it an Earshot service"), open_service(server.url):
        pass


def test_nobody_listening_is_an_error(clock: Clock) -> None:
    def refuse(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("connection refused", request=request)

    transport = httpx2.MockTransport(refuse)
    with (
        httpx2.Client(base_url="http://nobody", transport=transport) as client,
        pytest.raises(ServiceError, match="connection refused"),
    ):
        HttpPredictor(client, sleep=clock.sleep)
    assert len(clock.waits) > 1


def test_an_address_that_is_none_is_an_error() -> None:
    with pytest.raises(ServiceError, match="no usable address"), open_service("http://[::1"):
        pass


def test_progress_keeps_order_and_loses_nothing(pipeline: Pipeline) -> None:
    assert predict_with_progress(pipeline, POSTS * 2) == pipeline.predict(POSTS * 2)


def test_a_predictor_that_loses_posts_is_an_error() -> None:
    class Forgetful:
        identity = ModelIdentity("forgetful", "1", "sha256:0")
        taxonomy = Taxonomy.default()

        def predict(self, posts: Sequence[Post]) -> list[Result]:
            return []

    with pytest.raises(EarshotError, match="0 results for 1 posts"):
        predict_with_progress(Forgetful(), POSTS[:1])
