"""Callers who keep a service busy and check every answer, for measurements and for tests.

Each has a connection of its own, sends a request, waits for the answer, and sends the next. An answer is wrong when it
is not what was expected of the text; a request is lost when its connection breaks without an answer to it.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

_TOLERANCE = 1e-5


@dataclass
class Tally:
    """What the callers got.

    Attributes:
        statuses: Answers by status.
        latencies_s: Seconds from request to answer, of those that were answered with 200.
        models: Answers by the model's version.
        lost: Requests whose connection broke.
        wrong: Answers that are not what was expected, each with what was asked and what came.
        without_retry_after: Refusals that did not say when to come again.
        refused_connections: Connections that were not accepted.
    """

    statuses: Counter[int] = field(default_factory=Counter)
    latencies_s: list[float] = field(default_factory=list)
    models: Counter[str] = field(default_factory=Counter)
    lost: int = 0
    wrong: list[str] = field(default_factory=list)
    without_retry_after: int = 0
    refused_connections: int = 0

    def figures(self) -> dict[str, Any]:
        """The figures, for a table."""
        accepted = np.array(self.latencies_s or [float("nan")])
        return {
            "statuses": dict(sorted(self.statuses.items())),
            "p50_ms": round(1000 * float(np.quantile(accepted, 0.5)), 1),
            "p99_ms": round(1000 * float(np.quantile(accepted, 0.99)), 1),
            "max_ms": round(1000 * float(accepted.max()), 1),
            "lost": self.lost,
            "wrong": len(self.wrong),
            "refusals_without_retry_after": self.without_retry_after,
            "refused_connections": self.refused_connections,
            "models": dict(self.models),
        }


@dataclass
class Callers:
    """Some callers.

    Attributes:
        port: Where the service listens.
        expected: Texts, each with the scores that it must get, whichever model answers; None takes any.
        posts: Texts in one request.
        patient: Whether a refused caller waits as long as it is told to.
        tally: What they got.
    """

    port: int
    expected: Sequence[tuple[str, Mapping[str, float] | None]]
    posts: int = 1
    patient: bool = True
    tally: Tally = field(default_factory=Tally)
    _stopped: bool = False

    async def call(self, connections: int, seconds: float) -> Tally:
        """Call for so long with so many connections, or until the service is gone."""
        end = time.perf_counter() + seconds
        await asyncio.gather(*(self._call(number, end) for number in range(connections)))
        return self.tally

    def stop(self) -> None:
        """Have each stop after the answer it waits for."""
        self._stopped = True

    async def _call(self, number: int, end: float) -> None:
        turn = number * 7919
        while not self._stopped and time.perf_counter() < end:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            except OSError:
                self.tally.refused_connections += 1
                await asyncio.sleep(0.2)
                continue
            try:
                open_still = True
                while open_still and not self._stopped and time.perf_counter() < end:
                    turn += 1
                    open_still = await self._ask(reader, writer, turn)
            except (ConnectionError, asyncio.IncompleteReadError):
                self.tally.lost += 1
            finally:
                writer.close()

    async def _ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, turn: int) -> bool:
        """Ask once; whether the connection stays open."""
        chosen = [self.expected[(turn * self.posts + place) % len(self.expected)] for place in range(self.posts)]
        body = json.dumps({"posts": [text for text, _ in chosen]}).encode()
        head = f"POST /v1/classify HTTP/1.1\r\nHost: t\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        started = time.perf_counter()
        writer.write(head + body)
        await writer.drain()
        lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines[1:] if ": " in line)
        content = await reader.readexactly(int(headers["content-length"]))
        took = time.perf_counter() - started
        status = int(lines[0].split()[1])
        self.tally.statuses[status] += 1
        if status == 200:
            self.tally.latencies_s.append(took)
            self._check(chosen, json.loads(content))
        elif status in (429, 503):
            wait_s = headers.get("retry-after")
            self.tally.without_retry_after += wait_s is None
            if self.patient:
                await asyncio.sleep(float(wait_s or 1))
        return headers.get("connection") != "close"

    def _check(self, chosen: Sequence[tuple[str, Mapping[str, float] | None]], answer: dict[str, Any]) -> None:
        self.tally.models[answer["model"]["version"]] += 1
        if len(answer["results"]) != len(chosen):
            self.tally.wrong.append(f"{len(answer['results'])} results for {len(chosen)} posts")
            return
        for (text, scores), result in zip(chosen, answer["results"], strict=True):
            if scores is None:
                continue
            given = result.get("scores", {})
            if given.keys() != scores.keys() or any(abs(given[name] - scores[name]) > _TOLERANCE for name in scores):
                self.tally.wrong.append(f"{len(text)} characters got {given}")
