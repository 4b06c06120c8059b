"""A running service as a predictor: asked in batches, with bounded concurrency and retries, and every fault counted."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx2
from pydantic import BaseModel, TypeAdapter, ValidationError
from tqdm import tqdm

from earshot.errors import EarshotError
from earshot.post import Post, Prediction, Rejection, Result
from earshot.predictor import ModelIdentity, Predictor
from earshot.taxonomy import Taxonomy
from eval.errors import ServiceError
from eval.prediction_cache import NO_ANSWER
from eval.verdict import Problem, problem

MAX_BATCH_SIZE = 64
"""Posts per request."""
MAX_CONCURRENT_REQUESTS = 4
MAX_WAIT_BUSY_S = 120.0
"""How long one request is put off in all while the service says that it is busy, or starting."""
MAX_WAIT_UNREACHABLE_S = 15.0
"""How long one request is put off in all while there is no connection."""
MAX_RETRIES = 3
"""How often a call that failed on the service's side is made again."""
MAX_FAILED_IN_A_ROW = 20
"""After so many calls in a row that failed for good, the service is given up."""
_TIMEOUT = httpx2.Timeout(60, connect=10)
_FIRST_DELAY_S = 0.5
_MIN_DELAY_S = 0.1
_MAX_DELAY_S = 30.0
_BUSY = frozenset({429, 503})
_PREDICTION = TypeAdapter(Prediction)


@contextmanager
def open_service(url: str) -> Iterator[HttpPredictor]:
    """Open a running service, and close the connection afterwards.

    Args:
        url: Its address.

    Raises:
        ServiceError: It does not answer, or is no Earshot service.
    """
    with _client(url) as client:
        yield HttpPredictor(client)


def without_credentials(model: str) -> str:
    """What `--model` names, fit to be written down: a URL's user name and password are left out."""
    return re.sub(r"^(https?://)[^/@]*@", r"\1", model)


def _client(url: str) -> httpx2.Client:
    try:
        return httpx2.Client(base_url=url, timeout=_TIMEOUT)
    except httpx2.InvalidURL as error:
        raise ServiceError(f"{url} is no usable address: {error}") from error


def predict_with_progress(predictor: Predictor, posts: Sequence[Post]) -> list[Result]:
    """Judge posts, showing on a terminal how far it has come.

    Args:
        predictor: Any predictor.
        posts: Any number of posts.

    Returns:
        One result per post, in order.
    """
    results: list[Result] = []
    # As many at a time as the service may be asked at once.
    step = MAX_BATCH_SIZE * MAX_CONCURRENT_REQUESTS
    with tqdm(total=len(posts), unit="post", desc="predicting", disable=None) as bar:
        for start in range(0, len(posts), step):
            part = posts[start : start + step]
            results += predictor.predict(part)
            bar.update(len(part))
    if len(results) != len(posts):
        raise EarshotError(f"the model gave {len(results)} results for {len(posts)} posts: its predictor is broken")
    return results


class _FaultError(Exception):
    """A call failed on the service's side, however often it was made."""


class _Answer(BaseModel):
    """The part of `POST /v1/classify` that is read here."""

    model: dict[str, str]
    results: list[dict[str, Any]]


class HttpPredictor:
    """A running service, asked in batches, a few at a time.

    A request that fails on the service's side is tried again, then post by post; a post that still gets no answer gets
    a rejection in its place. Every such fault is counted: figures may be whole then, but the service is not.

    Args:
        client: With the service's address as its base URL.
        sleep: Waits for so many seconds; a test may count instead.

    Raises:
        ServiceError: The service does not say which model it serves.
    """

    def __init__(self, client: httpx2.Client, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._client = client
        self._sleep = sleep
        self._faults: list[str] = []
        self._unanswered: list[str] = []
        self._failed_in_a_row = 0
        self.identity, self.taxonomy = self._read_model()

    def predict(self, posts: Sequence[Post]) -> list[Result]:
        """Judge posts.

        Raises:
            ServiceError: A request stays unanswered, or its answer is unusable; there are no partial results.
        """
        batches = [posts[start : start + MAX_BATCH_SIZE] for start in range(0, len(posts), MAX_BATCH_SIZE)]
        with ThreadPoolExecutor(MAX_CONCURRENT_REQUESTS, thread_name_prefix="earshot-eval") as pool:
            try:
                return [result for results in pool.map(self._classify, batches) for result in results]
            except BaseException:
                pool.shutdown(wait=True, cancel_futures=True)
                raise

    def problems(self) -> list[Problem]:
        """What went wrong on the service's side, whether or not trying again helped."""
        where = self._client.base_url
        return [
            *problem(
                "server-error",
                f"{where} failed {{count}} calls that it should have answered: mend the service before it is judged",
                self._faults,
            ),
            *problem(
                "no-answer",
                f"{where} gave no answer to {{count}} posts, which count as wrong: mend the service and judge it again",
                self._unanswered,
            ),
        ]

    def _read_model(self) -> tuple[ModelIdentity, Taxonomy]:
        try:
            answer = self._request("GET", "/v1/model")
        except _FaultError as error:
            raise ServiceError(f"{self._client.base_url} does not answer {error}") from error
        try:
            identity = ModelIdentity(answer["name"], answer["version"], answer["digest"])
            return identity, Taxonomy.model_validate(answer["taxonomy"])
        except (KeyError, TypeError, ValidationError) as error:
            raise ServiceError(
                f"{self._client.base_url} does not say at /v1/model which model and taxonomy it serves ({error!r}): "
                "is it an Earshot service?"
            ) from error

    def _classify(self, posts: Sequence[Post]) -> list[Result]:
        try:
            results = self._answers(posts)
        except _FaultError as error:
            self._failed_in_a_row += 1
            if self._failed_in_a_row > MAX_FAILED_IN_A_ROW:
                raise ServiceError(f"{self._client.base_url} fails again and again: {error}") from error
            if len(posts) > 1:
                return [result for post in posts for result in self._classify([post])]
            (post,) = posts
            self._unanswered.append(post.id or "a post without id")
            return [Rejection(post.id, NO_ANSWER, "The service gave no answer", str(error))]
        self._failed_in_a_row = 0
        return results

    def _answers(self, posts: Sequence[Post]) -> list[Result]:
        # The service sees our own numbers, so that its answers can be told apart whatever ids the data has.
        numbered = [{"id": str(index), "text": post.text} for index, post in enumerate(posts)]
        try:
            answer = _Answer.model_validate(self._request("POST", "/v1/classify", {"posts": numbered}))
            results = [self._result(item) for item in answer.results]
        except (KeyError, TypeError, ValidationError) as error:
            raise ServiceError(f"{self._client.base_url} answered something unusable: {_brief(error)}") from error
        if answer.model.get("digest") != self.identity.digest:
            raise ServiceError(f"{self._client.base_url} changed its model during the evaluation: start again")
        if [result.id for result in results] != [post["id"] for post in numbered]:
            raise ServiceError(f"{self._client.base_url} answered other posts than it was asked, or in another order")
        return [replace(result, id=post.id) for result, post in zip(results, posts, strict=True)]

    def _result(self, item: Mapping[str, Any]) -> Result:
        if "error" in item:
            error = item["error"]
            return Rejection(item["id"], error["type"], error["title"], error["detail"])
        prediction = _PREDICTION.validate_python(item)
        if tuple(prediction.scores) != self.taxonomy.category_names or prediction.category not in prediction.scores:
            raise ServiceError(f"{self._client.base_url} answered labels that its taxonomy does not hold")
        return prediction

    def _request(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - any JSON
        # JSON escapes let even half a surrogate pair through, which UTF-8 would not.
        content = None if body is None else json.dumps(body).encode()
        headers = {"content-type": "application/json"}
        backoff, waited, faults = _FIRST_DELAY_S, 0.0, 0
        while True:
            delay, backoff = backoff, min(2 * backoff, _MAX_DELAY_S)
            try:
                response = self._client.request(method, path, content=content, headers=headers)
            except httpx2.TransportError as error:
                complaint, patience = f"{type(error).__name__}: {error}", MAX_WAIT_UNREACHABLE_S
            else:
                if response.is_success:
                    return self._json(response)
                complaint = f"status {response.status_code}{_reason(response)}"
                if response.status_code >= 500 and response.status_code not in _BUSY:
                    self._faults.append(f"{method} {path}: status {response.status_code}")
                    faults += 1
                    if faults > MAX_RETRIES:
                        raise _FaultError(f"{method} {path}: {complaint}")
                    self._sleep(delay)
                    continue
                patience = MAX_WAIT_BUSY_S if response.status_code in _BUSY else 0.0
                delay = _retry_after(response.headers.get("retry-after"), otherwise=delay)
            waited += delay
            if waited > patience:
                raise ServiceError(f"{self._client.base_url} does not answer {method} {path}: {complaint}")
            self._sleep(delay)

    def _json(self, response: httpx2.Response) -> Any:  # noqa: ANN401 - any JSON
        try:
            return response.json()
        except ValueError as error:
            raise ServiceError(
                f"{response.url} answered something that is not JSON: is it an Earshot service?"
            ) from error


def _reason(response: httpx2.Response) -> str:
    """What an RFC 9457 problem says of itself."""
    try:
        problem = response.json()
        return f" ({problem['title']}: {problem.get('detail', '')})"
    except (ValueError, KeyError, TypeError, AttributeError):
        return ""


def _brief(error: Exception) -> str:
    """What is wrong, without the answer itself, which may repeat a post."""
    if isinstance(error, ValidationError):
        first = error.errors(include_input=False)[0]
        return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
    return f"no {error}"


def _retry_after(header: str | None, *, otherwise: float) -> float:
    """Seconds to wait, from a `Retry-After` of seconds or a date."""
    try:
        seconds = float(header or "")
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(header or "") - datetime.now(UTC)).total_seconds()
        except (ValueError, TypeError):
            return otherwise
    return min(max(seconds, _MIN_DELAY_S), _MAX_DELAY_S)
