from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from service.body import parse_json, read_body
from service.errors import BodyTooLargeError, UnusableRequestError


class Chunks:
    """A body that counts how much of it was asked for."""

    def __init__(self, *chunks: bytes) -> None:
        self.chunks = chunks
        self.read = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self.chunks:
            self.read += 1
            yield chunk


def read(chunks: Chunks, *, declared_bytes: int | None = None, max_body_bytes: int = 10) -> bytes:
    return asyncio.run(read_body(chunks, declared_bytes=declared_bytes, max_body_bytes=max_body_bytes))


def test_a_body_of_exactly_the_limit_is_read() -> None:
    assert read(Chunks(b"12345", b"67890")) == b"1234567890"


def test_a_body_without_declared_length_is_counted_as_it_streams() -> None:
    chunks = Chunks(*[b"12345"] * 100)
    with pytest.raises(BodyTooLargeError, match="10 bytes"):
        read(chunks)
    assert chunks.read == 3


def test_a_body_declared_too_large_is_not_even_read() -> None:
    chunks = Chunks(b"1")
    with pytest.raises(BodyTooLargeError):
        read(chunks, declared_bytes=11)
    assert chunks.read == 0


def test_a_body_longer_than_declared_is_refused_all_the_same() -> None:
    with pytest.raises(BodyTooLargeError):
        read(Chunks(b"12345678901"), declared_bytes=1)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "not JSON at line 1, column 1"),
        (b'{"posts": [secret', "not JSON at line 1, column 12"),
        (b'{"posts": [NaN]}', "it holds NaN"),
        (b'{"posts": [-Infinity]}', "it holds -Infinity"),
        (b'{"posts": ["\xff"]}', "not UTF-8 at byte 12"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a":' * 100_000, "nested too deeply"),
    ],
)
def test_what_is_not_json_is_refused_without_being_quoted(body: bytes, said: str) -> None:
    with pytest.raises(UnusableRequestError) as caught:
        parse_json(body)
    assert said in str(caught.value)
    assert "secret" not in str(caught.value)
    assert [problem.field for problem in caught.value.problems] == ["body"]
    # Nor does an exception that hangs on it hold the body.
    assert caught.value.__context__ is None


def test_a_number_of_thousands_of_digits_is_only_a_number() -> None:
    assert parse_json(b'["a", ' + b"9" * 10_000 + b", 1e999]") == ["a", float("inf"), float("inf")]


def test_a_byte_order_mark_is_passed_over() -> None:
    assert parse_json("\ufeff[]".encode()) == []


def test_text_keeps_every_character() -> None:
    text = "naïve – 😀 \ud83d \x00"
    assert parse_json(json.dumps(text).encode()) == text
