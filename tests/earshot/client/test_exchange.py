"""When a client asks, waits and gives up; nothing is sent here, and no time passes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from earshot.client import BusyError, DeadlineExceededError, RefusedError, UnauthorizedError, UnreachableError
from earshot.client.errors import UnusableRequestError
from earshot.client.exchange import Ask, Outcome, Patience, Wait, exchange


class Time:
    """A clock that goes forward only by waiting."""

    def __init__(self) -> None:
        self.now = 0.0
        self.waits: list[float] = []

    def __call__(self) -> float:
        return self.now


def answer(status: int, headers: Mapping[str, str] | None = None, body: object = None) -> httpx2.Response:
    return httpx2.Response(status, headers=headers, content=b"" if body is None else json.dumps(body).encode())


def go(outcomes: list[Outcome], time: Time, timeout_s: float = 10, spread: float = 1) -> tuple[httpx2.Response, int]:
    """Play a story: what comes of each attempt. Gives the answer and how many attempts it took."""
    flow = exchange(
        "POST", "/x", headers={}, content=b"", patience=Patience(timeout_s, clock=time, spread=lambda: spread)
    )
    outcome: Outcome = None
    attempts = 0
    while True:
        try:
            step = flow.send(outcome)
        except StopIteration as done:
            return done.value, attempts
        if isinstance(step, Wait):
            time.now += step.seconds
            time.waits.append(step.seconds)
            outcome = None
        else:
            attempts += 1
            outcome = outcomes.pop(0)


def test_a_success_is_given_at_once() -> None:
    time = Time()
    assert go([answer(200)], time)[1] == 1
    assert time.waits == []


def test_a_busy_service_is_asked_again_after_as_long_as_it_says() -> None:
    time = Time()
    _, attempts = go([answer(429, {"Retry-After": "2"}), answer(503, {"Retry-After": "3"}), answer(200)], time)
    assert attempts == 3
    assert time.waits == [2.1, 3.2]


def test_a_date_to_come_back_at_is_understood() -> None:
    time = Time()
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=5))
    go([answer(503, {"Retry-After": later}), answer(200)], time)
    assert 3 < time.waits[0] <= 5.1


@pytest.mark.parametrize("header", [None, "soon", "-1", "nan", "0"])
def test_without_a_word_on_it_the_waits_grow(header: str | None) -> None:
    time = Time()
    headers = {} if header is None else {"Retry-After": header}
    go([*(answer(503, headers) for _ in range(4)), answer(200)], time)
    assert time.waits == [0.1, 0.2, 0.4, 0.8]


def test_no_connection_is_tried_again_until_the_time_is_up() -> None:
    time = Time()
    with pytest.raises(UnreachableError, match="ConnectError"):
        go([httpx2.ConnectError("refused") for _ in range(100)], time, timeout_s=3)
    assert sum(time.waits) < 3


def test_a_service_that_wants_more_time_than_there_is_is_given_up_at_once() -> None:
    time = Time()
    with pytest.raises(BusyError) as caught:
        go([answer(429, {"Retry-After": "60"}, {"type": "t", "title": "full", "detail": "later"})], time)
    assert time.waits == []
    assert (caught.value.status, caught.value.type, caught.value.detail) == (429, "t", "later")


@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, UnauthorizedError), (413, UnusableRequestError), (422, UnusableRequestError), (504, DeadlineExceededError),
     (404, RefusedError), (500, RefusedError)],
)  # fmt: skip
def test_what_will_not_pass_a_second_time_is_not_sent_again(status: int, kind: type[RefusedError]) -> None:
    time = Time()
    with pytest.raises(kind):
        go([answer(status)], time)
    assert time.waits == []


def test_the_fields_at_fault_are_told() -> None:
    body = {"title": "unusable", "errors": [{"field": "posts", "detail": "is missing"}]}
    with pytest.raises(UnusableRequestError) as caught:
        go([answer(422, body=body)], Time())
    assert caught.value.fields == {"posts": "is missing"}


def test_the_service_is_told_how_much_time_is_left() -> None:
    time = Time()
    patience = Patience(10, clock=time, spread=lambda: 1.0)
    flow = exchange("GET", "/x", headers={}, content=None, patience=patience)
    first = flow.send(None)
    time.now = 4.0
    assert isinstance(flow.send(answer(503)), Wait)
    second = flow.send(None)
    assert isinstance(first, Ask)
    assert isinstance(second, Ask)
    assert (first.headers["X-Request-Timeout-Ms"], second.headers["X-Request-Timeout-Ms"]) == ("10000", "6000")
    assert second.timeout_s == 6


@given(st.lists(st.sampled_from([429, 503, 502, 0]), max_size=30), st.floats(0.1, 20), st.floats(0, 1), st.floats(0, 9))
def test_no_call_waits_past_its_deadline(story: list[int], timeout_s: float, spread: float, wait: float) -> None:
    time = Time()
    outcomes: list[Outcome] = [
        answer(status, {"Retry-After": f"{wait:.3f}"}) if status else httpx2.ReadError("") for status in story
    ]
    try:
        _, attempts = go([*outcomes, answer(200)], time, timeout_s, spread)
        assert attempts == len(story) + 1
    except (BusyError, RefusedError, UnreachableError):
        pass
    assert time.now < timeout_s
