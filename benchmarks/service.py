"""What the service must show, each as a command that prints one line of JSON.

```
python -m benchmarks.service overload        400 connections for 60 s: statuses, p99 of what was accepted
python -m benchmarks.service soak            load for 10 minutes: resident memory, minute by minute
python -m benchmarks.service changes         SIGTERM, hot swap and a corrupt bundle under full load: lost, wrong
python -m benchmarks.service half-load       one post at half load: p99, and the framework's part of a request
python -m benchmarks.service beside-stream   latency of single posts without and beside a stream
python -m benchmarks.service footprint       installed size, seconds until ready, resident memory at rest
```

They measure `earshot serve` with the embedded model on this machine, and the callers share it.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks.callers import Callers
from benchmarks.texts import Texts
from earshot import Bundle, Pipeline, Post, Prediction
from earshot.bundle import GRAPH, embedded_bundle

_START_S = 60
_TEXTS = 400
_STAGE = re.compile(r"(\w+);dur=([\d.]+)")

Expected = list[tuple[str, Mapping[str, float] | None]]


@dataclass(frozen=True, slots=True)
class Service:
    """A service under measurement."""

    process: subprocess.Popen[bytes]
    port: int
    ready_s: float

    def get(self, path: str) -> tuple[int, str]:
        """Ask it."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=30) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def resident_mb(self) -> float:
        """Its resident memory."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        (line,) = [line for line in status.splitlines() if line.startswith("VmRSS")]
        return int(line.split()[1]) / 1024


@contextmanager
def _serving(command: str = "earshot", model: str | Path = "default", **settings: str) -> Iterator[Service]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    words = [sys.executable, "-m", "earshot"] if command == "earshot" else [command]
    environment = os.environ | {f"EARSHOT_{name.upper()}": value for name, value in settings.items()}
    environment |= {"EARSHOT_LOG_LEVEL": "warning", "EARSHOT_FEEDBACK_DATABASE": "off"}
    started = time.perf_counter()
    process = subprocess.Popen(
        [*words, "serve", "--port", str(port), "--model", str(model)], stdout=subprocess.DEVNULL, env=environment
    )
    try:
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5):
                    break
            except OSError as error:
                if process.poll() is not None or time.perf_counter() - started > _START_S:
                    raise SystemExit(f"the service did not become ready: {error}") from error
                time.sleep(0.02)
        yield Service(process, port, time.perf_counter() - started)
    finally:
        process.terminate()
        process.wait(timeout=60)


def _expected(model: str = "default") -> Expected:
    """Texts, each with the scores that it gets alone."""
    texts = Texts.find().texts[:_TEXTS]
    with Pipeline.load(model) as pipeline:
        results = [pipeline.predict([Post(text)])[0] for text in texts]
    pairs = zip(texts, results, strict=True)
    return [(text, result.scores) for text, result in pairs if isinstance(result, Prediction)]


def _tell(name: str, **figures: object) -> None:
    print(json.dumps({"measured": name, "cpus": len(os.sched_getaffinity(0)), **figures}))


@click.group(help=__doc__)
def main() -> None:
    """Measure the service."""


@main.command()
@click.option("--connections", default=400)
@click.option("--seconds", default=60.0)
@click.option("--posts", default=1, help="Posts in one request.")
@click.option("--patient/--impatient", default=True, help="Whether refused callers wait as long as they are told to.")
def overload(connections: int, seconds: float, posts: int, patient: bool) -> None:
    """Far more callers than can be served."""
    expected = _expected()
    with _serving() as service:
        callers = Callers(service.port, expected, posts=posts, patient=patient)
        tally = asyncio.run(callers.call(connections, seconds))
        started = time.perf_counter()
        ready, _ = service.get("/readyz")
        figures = tally.figures()
        unexpected = {status: n for status, n in tally.statuses.items() if status not in (200, 429, 503)}
        _tell(
            "overload",
            connections=connections,
            seconds=seconds,
            posts=posts,
            patient=patient,
            accepted_per_s=round(tally.statuses[200] / seconds, 1),
            unexpected=unexpected,
            ready_afterwards=ready,
            ready_after_ms=round(1000 * (time.perf_counter() - started), 1),
            resident_mb=round(service.resident_mb(), 1),
            **figures,
        )


@main.command()
@click.option("--connections", default=32)
@click.option("--minutes", default=10)
def soak(connections: int, minutes: int) -> None:
    """Memory under load, minute by minute; texts of all lengths, and requests of all sizes."""
    expected = _expected()

    async def watch(service: Service, sizes: list[float]) -> None:
        for _ in range(minutes):
            await asyncio.sleep(60)
            sizes.append(round(service.resident_mb(), 1))

    async def run(service: Service) -> tuple[list[float], Callers]:
        sizes: list[float] = []
        small = Callers(service.port, expected)
        large = Callers(service.port, expected, posts=64, tally=small.tally)
        seconds = 60.0 * minutes + 1
        await asyncio.gather(small.call(connections, seconds), large.call(2, seconds), watch(service, sizes))
        return sizes, small

    with _serving() as service:
        rest = service.resident_mb()
        sizes, callers = asyncio.run(run(service))
        growth = round(100 * (sizes[-1] / sizes[0] - 1), 1)
        _tell(
            "soak",
            resident_mb_at_rest=round(rest, 1),
            resident_mb_by_minute=sizes,
            growth_percent_from_minute_1=growth,
            **callers.tally.figures(),
        )


@main.command()
@click.option("--connections", default=64)
def changes(connections: int) -> None:
    """A new bundle, a corrupt one, and the end, each while all threads are busy."""
    expected = _expected()
    with tempfile.TemporaryDirectory() as folder:
        bundle = Path(folder) / "bundle"
        shutil.copytree(embedded_bundle(), bundle)
        with _serving(model=bundle) as service:
            callers = Callers(service.port, expected)

            async def run() -> None:
                calling = asyncio.create_task(callers.call(connections, 600))
                await asyncio.sleep(3)
                _write_version(bundle, "swapped")
                service.process.send_signal(signal.SIGHUP)
                await _until(lambda: callers.tally.models["swapped"] > 100)
                graph = bundle / GRAPH
                graph.write_bytes(graph.read_bytes()[:-1] + b"\0")
                service.process.send_signal(signal.SIGHUP)
                await _until(lambda: 'reloads_total{outcome="refused"} 1.0' in service.get("/metrics")[1])
                await asyncio.sleep(2)
                service.process.send_signal(signal.SIGTERM)
                await asyncio.to_thread(service.process.wait, 60)
                callers.stop()
                await calling

            asyncio.run(run())
            _tell("changes", exit_code=service.process.returncode, **callers.tally.figures())


def _write_version(folder: Path, version: str) -> None:
    bundle = Bundle.load(folder)
    files: dict[str, Path | bytes] = {name: (folder / name).read_bytes() for name in bundle.manifest.files}
    Bundle.write(folder, bundle.manifest.model_copy(update={"version": version}), files)


async def _until(holds: Any) -> None:  # noqa: ANN401 — a condition
    async with asyncio.timeout(120):
        while not await asyncio.to_thread(holds):  # noqa: ASYNC110
            await asyncio.sleep(0.05)


@main.command("half-load")
@click.option("--seconds", default=20.0)
@click.option("--model", default="default", show_default=True)
def half_load(seconds: float, model: str) -> None:
    """One post a request, at half the rate that 16 busy connections reach."""
    expected = _expected(model)
    with _serving(model=model) as service:
        full = asyncio.run(Callers(service.port, expected).call(16, 10))
        rate = full.statuses[200] / 10 / 2
        latencies, overheads = asyncio.run(_at_rate(service.port, expected, rate, seconds))
        _tell(
            "half-load",
            requests_per_s=round(rate, 1),
            p50_ms=round(float(np.quantile(latencies, 0.5)), 2),
            p99_ms=round(float(np.quantile(latencies, 0.99)), 2),
            framework_overhead_median_ms=round(float(np.median(overheads)), 3),
            framework_overhead_p99_ms=round(float(np.quantile(overheads, 0.99)), 3),
        )


@main.command("beside-stream")
@click.option("--seconds", default=15.0)
def beside_stream(seconds: float) -> None:
    """Single posts at a fixed gentle rate, without and beside a stream that takes all it can get."""
    expected = _expected()
    with _serving() as service:
        alone, _ = asyncio.run(_at_rate(service.port, expected, 20, seconds))

        async def both() -> tuple[np.ndarray, int]:
            streaming = asyncio.create_task(_stream(service.port, expected, seconds + 1))
            await asyncio.sleep(1)
            latencies, _ = await _at_rate(service.port, expected, 20, seconds)
            return latencies, await streaming

        beside, streamed = asyncio.run(both())
        _tell(
            "beside-stream",
            alone_p50_ms=round(float(np.quantile(alone, 0.5)), 2),
            alone_p99_ms=round(float(np.quantile(alone, 0.99)), 2),
            beside_p50_ms=round(float(np.quantile(beside, 0.5)), 2),
            beside_p99_ms=round(float(np.quantile(beside, 0.99)), 2),
            streamed_posts_per_s=round(streamed / (seconds + 1), 1),
        )


async def _stream(port: int, expected: Expected, seconds: float) -> int:
    """Stream for so long; the posts that were answered."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"POST /v1/classify/stream HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n")
    end = time.perf_counter() + seconds

    async def send() -> None:
        turn = 0
        while time.perf_counter() < end:
            lines = b"".join(json.dumps(expected[(turn + at) % len(expected)][0]).encode() + b"\n" for at in range(16))
            turn += 16
            writer.write(b"%x\r\n%b\r\n" % (len(lines), lines))
            await writer.drain()

    sending = asyncio.create_task(send())
    answered = 0
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while line := await reader.readline():
                answered += line.startswith(b'{"id"')
    sending.cancel()
    writer.close()  # what lies in the sockets' buffers would take minutes
    return answered


async def _at_rate(port: int, expected: Expected, rate: float, seconds: float) -> tuple[np.ndarray, np.ndarray]:
    """Ask at a fixed rate, whether or not answers come; milliseconds of each, and what the framework took of them."""
    connections: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
    latencies: list[float] = []
    overheads: list[float] = []

    async def ask(text: str) -> None:
        due = time.perf_counter()
        if connections.empty():
            connections.put_nowait(await asyncio.open_connection("127.0.0.1", port))
        reader, writer = connections.get_nowait()
        body = json.dumps({"posts": [text]}).encode()
        writer.write(f"POST /v1/classify HTTP/1.1\r\nHost: t\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        await reader.readexactly(int(head.split("content-length: ")[1].split("\r\n")[0]))
        latencies.append(1000 * (time.perf_counter() - due))
        stages = {name: float(took) for name, took in _STAGE.findall(head)}
        overheads.append(stages["total"] - stages["queue"] - stages["tokenize"] - stages["inference"])
        connections.put_nowait((reader, writer))

    start = time.perf_counter()
    tasks = []
    for turn in range(int(rate * seconds)):
        await asyncio.sleep(max(0.0, start + turn / rate - time.perf_counter()))
        tasks.append(asyncio.create_task(ask(expected[turn % len(expected)][0])))
    await asyncio.gather(*tasks)
    while not connections.empty():
        connections.get_nowait()[1].close()
    return np.array(latencies), np.array(overheads)


@main.command()
def footprint() -> None:
    """Install the service alone into a new environment, start it, and look at it."""
    root = Path(__file__).parents[1]
    with tempfile.TemporaryDirectory() as folder:
        environment = Path(folder) / "env"
        subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
        before = _size_mb(environment)
        pip = [str(environment / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "-c", str(root / "constraints.txt"), f"{root}[service]"], check=True)
        installed = _size_mb(environment) - before
        command = str(environment / "bin" / "earshot")
        with _serving(command):
            pass  # compiles what Python compiles once
        with _serving(command) as service:
            time.sleep(2)
            _tell(
                "footprint",
                installed_mb=round(installed, 1),
                with_pip_mb=round(installed + before, 1),
                ready_s=round(service.ready_s, 2),
                resident_mb_at_rest=round(service.resident_mb(), 1),
            )


def _size_mb(folder: Path) -> float:
    return sum(file.lstat().st_size for file in folder.rglob("*") if not file.is_dir()) / 1e6


if __name__ == "__main__":
    main()
