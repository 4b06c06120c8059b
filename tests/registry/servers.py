"""Real processes: an MLflow server that can be killed and started again, and our service that follows it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx2

_READY_WITHIN_S = 120


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@dataclass
class MlflowServer:
    """An MLflow server on a database; artifacts go through it."""

    folder: Path
    database: str
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def uri(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def artifacts(self) -> Path:
        return self.folder / "artifacts"

    def start(self) -> None:
        with (self.folder / "mlflow.log").open("ab") as log:
            command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(self.port)]
            command += ["--backend-store-uri", self.database, "--artifacts-destination", str(self.artifacts)]
            self.process = subprocess.Popen(
                [*command, "--workers", "1"],
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd=self.folder,
                env=os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
            )
        wait_for(f"{self.uri}/health")

    def kill(self) -> None:
        """Kill it and its workers at once, as a machine that fails does."""
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None


@contextmanager
def mlflow_server(folder: Path, database: str | None = None) -> Iterator[MlflowServer]:
    server = MlflowServer(folder, database or f"sqlite:///{folder / 'server.db'}")
    try:
        server.start()
        yield server
    finally:
        server.kill()


@contextmanager
def following(model: str, folder: Path, environment: Mapping[str, str]) -> Iterator[str]:
    """Our service in a process of its own; gives its URL once it is ready."""
    with (folder / "service.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "service", "--port", "0", "--model", model],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env=os.environ | environment,
        )
    try:
        assert process.stdout is not None
        announced = process.stdout.readline()
        assert "http://" in announced, (folder / "service.log").read_text()
        url = announced.split(" on ")[1].split()[0]
        wait_for(f"{url}/readyz")
        yield url
    finally:
        process.terminate()
        process.communicate(timeout=30)


def wait_for(url: str) -> None:
    deadline = time.monotonic() + _READY_WITHIN_S
    while time.monotonic() < deadline:
        try:
            if httpx2.get(url, timeout=5).status_code == 200:
                return
        except httpx2.HTTPError:
            pass
        time.sleep(0.05)
    raise AssertionError(f"{url} did not answer")
