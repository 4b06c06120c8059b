"""A load generator in one thread: keeps so many connections busy with the same requests, and counts.

Leaner than an HTTP client, since it shares the processors with the server that it measures. Run by
`benchmarks/served.py` as a process of its own: `python -m benchmarks.load PORT PATH BODIES CONNECTIONS SECONDS`, where
BODIES is a file with a JSON body a line. Prints one line of JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from functools import partial
from pathlib import Path
from typing import cast

import numpy as np
import uvloop

_WARM_UP_S = 2.0


class _Connection(asyncio.Protocol):
    """Sends a request, waits for its answer, sends the next."""

    def __init__(self, requests: list[bytes], first: int, begin: float, end: float) -> None:
        self._requests, self._next = requests, first
        self._begin, self._end = begin, end
        self._sent = 0.0
        self._received = bytearray()
        self.latencies: list[float] = []
        self.failed = 0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._send()

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, separator, body = self._received.partition(b"\r\n\r\n")
        if not separator:
            return
        length = int(head.lower().split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
        if len(body) < length:
            return
        now = time.perf_counter()
        if self._begin <= now < self._end:
            if b" 200 " in head[:16]:
                self.latencies.append(now - self._sent)
            else:
                self.failed += 1
        self._received.clear()
        if now < self._end:
            self._send()
        else:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_result(None)

    def _send(self) -> None:
        self._sent = time.perf_counter()
        self._transport.write(self._requests[self._next % len(self._requests)])
        self._next += 1


async def _load(port: int, requests: list[bytes], connections: int, seconds: float) -> dict[str, float]:
    loop = asyncio.get_running_loop()
    begin = time.perf_counter() + _WARM_UP_S
    end = begin + seconds
    stride = max(1, len(requests) // connections)
    made: list[_Connection] = []
    for at in range(connections):
        connect = partial(_Connection, requests, at * stride, begin, end)
        made.append((await loop.create_connection(connect, "127.0.0.1", port))[1])
    await asyncio.gather(*(connection.done for connection in made))
    latencies = np.array([latency for connection in made for latency in connection.latencies])
    if not len(latencies):
        raise SystemExit("no request was answered with 200: ask the server once by hand")
    return {
        "requests_per_s": len(latencies) / seconds,
        "p50_ms": 1000 * float(np.quantile(latencies, 0.5)),
        "p99_ms": 1000 * float(np.quantile(latencies, 0.99)),
        "failed": float(sum(connection.failed for connection in made)),
    }


def main() -> None:
    """Load a server and print what came of it."""
    port, path, bodies, connections, seconds = sys.argv[1:]
    head = f"POST {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: "
    requests = [f"{head}{len(body)}\r\n\r\n".encode() + body for body in Path(bodies).read_bytes().splitlines()]
    print(json.dumps(uvloop.run(_load(int(port), requests, int(connections), float(seconds)))))


if __name__ == "__main__":
    main()
