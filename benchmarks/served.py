"""Posts a second and latency of a server under load, each started for its own measurement."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.cells import Figures

Start = Callable[[], "Server"]
"""Says how a server starts, after making what it needs."""

_START_S = 60
_NOTHING_REFUSED = {
    "EARSHOT_FEEDBACK_DATABASE": "off",
    "EARSHOT_MAX_PENDING_TOKENS": "1000000",
    "EARSHOT_MAX_WAIT_MS": "60000",
}
"""What a server can do is measured, as peers do it that refuse nothing; how it refuses, by `benchmarks.service`."""
_SECONDS = 6


@dataclass(frozen=True, slots=True)
class Server:
    """How a server starts and what it is asked.

    Attributes:
        name: For the table.
        command: Starts it, `{port}` standing for the port.
        path: Of its endpoint.
        body: A request for some texts.
    """

    name: str
    command: tuple[str, ...]
    path: str
    body: Callable[[Sequence[str]], object]


def earshot(bundle: Path) -> Server:
    """Earshot, serving a bundle."""
    command = (sys.executable, "-m", "earshot", "serve", "--port", "{port}", "--model", str(bundle))
    return Server("Earshot", command, "/v1/classify", lambda texts: {"posts": list(texts)})


def fastapi_onnxruntime(folder: Path, threads: int) -> Server:
    """FastAPI over onnxruntime, written by hand."""
    command = (sys.executable, "-m", "benchmarks.peers.fastapi_onnxruntime", str(folder), "{port}", str(threads))
    return Server("FastAPI + onnxruntime by hand", command, "/classify", lambda texts: {"texts": list(texts)})


def under_load(server: Server, texts: Sequence[str], posts: int, connections: int) -> Figures:
    """Start a server, load it, stop it.

    Args:
        server: Which.
        texts: What it is asked.
        posts: Per request.
        connections: That are kept busy.
    """
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as bodies, _started(server) as (port, process):
        for start in range(0, len(texts) - posts + 1, posts):
            bodies.write(json.dumps(server.body(texts[start : start + posts])) + "\n")
        bodies.flush()
        load = [sys.executable, "-m", "benchmarks.load", str(port), server.path, bodies.name]
        answer = subprocess.run([*load, str(connections), str(_SECONDS)], check=True, capture_output=True, text=True)
        figures: Figures = json.loads(answer.stdout)
        memory = _resident_mb(process.pid)
    return figures | {"posts_per_s": posts * figures["requests_per_s"], "memory_mb": memory}


@contextmanager
def _started(server: Server) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [word.format(port=port) for word in server.command]
    environment = os.environ | _NOTHING_REFUSED
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
    try:
        _wait_until_ready(port, process, server.name)
        yield port, process
    finally:
        process.terminate()
        process.wait(timeout=30)


def _wait_until_ready(port: int, process: subprocess.Popen[bytes], name: str) -> None:
    end = time.monotonic() + _START_S
    while time.monotonic() < end:
        if process.poll() is not None:
            raise SystemExit(f"{name} ended while it started, with code {process.returncode}: start it by hand to see")
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5):
                return
        except OSError:
            time.sleep(0.2)
    raise SystemExit(f"{name} was not ready after {_START_S} s")


def _resident_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status")
    if not status.is_file():
        return float("nan")
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024
