"""Corrections against `kill -9`: whatever was acknowledged is there, and nothing is there twice.

python -m benchmarks.feedback_killed --posts 1000 --kills 10 [--model BUNDLE] [--database URL]

Callers side by side send corrections, each with an idempotency key, while the service is killed at random moments and
started again. A caller who got no answer sends the same again. At the end the database is read: it exits 1 if a
correction that was acknowledged is missing, or is there twice, or with another answer than its caller got.
"""

from __future__ import annotations

import argparse
import os
import random
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx2

from earshot.feedback.store import FeedbackStore

_CALLERS = 8
_START_S = 120
_TIMEOUT_S = 30


class _Service:
    """A service that can be killed and started again under the same address."""

    def __init__(self, model: str, database: str, log: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.url = f"http://127.0.0.1:{free.getsockname()[1]}"
        port = self.url.rpartition(":")[2]
        self._command = [sys.executable, "-m", "earshot", "serve", "--port", port, "--model", model]
        self._environment = os.environ | {"EARSHOT_FEEDBACK_DATABASE": database}
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it is ready."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log, env=self._environment)
        end = time.monotonic() + _START_S
        while time.monotonic() < end:
            if self._process.poll() is not None:
                break
            try:
                if httpx2.get(f"{self.url}/readyz").is_success:
                    return
            except httpx2.TransportError:
                pass
            time.sleep(0.05)
        raise SystemExit(f"the service did not start:\n{self._log.read_text()}")

    def kill(self) -> None:
        """End it as `kill -9` does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()


class _Callers:
    """Send corrections until each is acknowledged."""

    def __init__(self, url: str) -> None:
        self._client = httpx2.Client(base_url=url, timeout=_TIMEOUT_S)
        self._digest: str = self._client.get("/v1/model").json()["digest"]
        self._acknowledged = threading.Condition()
        self.receipts: dict[str, str] = {}
        self.sent = 0

    def send(self, number: int) -> None:
        """Send one correction, again and again until it is acknowledged."""
        key = f"key-{number}"
        body = {
            "text": f"You took 14.99 twice, order {number}",
            "prediction": {"model_digest": self._digest, "category": "none"},
            "correction": {"category": "billing", "urgency": "high"},
            "idempotency_key": key,
        }
        while True:
            self.sent += 1
            try:
                answer = self._client.post("/v1/feedback", json=body)
            except httpx2.TransportError:
                time.sleep(0.02)
                continue
            if answer.status_code == 503:  # it starts, or is being opened
                time.sleep(0.02)
                continue
            answer.raise_for_status()
            with self._acknowledged:
                self.receipts[key] = answer.json()["id"]
                self._acknowledged.notify_all()
            return

    def wait_for(self, count: int) -> None:
        """Wait until so many are acknowledged."""
        with self._acknowledged:
            self._acknowledged.wait_for(lambda: len(self.receipts) >= count)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


def main() -> None:
    """Send, kill, and look what is there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--posts", type=int, default=1000)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--model", default="default")
    parser.add_argument("--database", help="By default a new SQLite file.")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    moments = sorted(random.Random(arguments.seed).sample(range(1, arguments.posts), arguments.kills))
    with tempfile.TemporaryDirectory() as folder:
        database = arguments.database or f"sqlite:///{folder}/feedback.db"
        with _running(_Service(arguments.model, database, Path(folder) / "log")) as service:
            callers = _Callers(service.url)
            with ThreadPoolExecutor(_CALLERS) as pool:
                sending = [pool.submit(callers.send, number) for number in range(arguments.posts)]
                for moment in moments:
                    callers.wait_for(moment)
                    service.kill()
                    service.start()
                for sent in sending:
                    sent.result()
            callers.close()
            service.kill()
        found = _found(database)
    wrong = [key for key, receipt in callers.receipts.items() if found.get(key) != [receipt]]
    print(
        f"{arguments.posts} corrections from {_CALLERS} callers, {arguments.kills} times kill -9: "
        f"{callers.sent} requests, {len(callers.receipts)} acknowledged, "
        f"{sum(map(len, found.values()))} in the database, {len(wrong)} missing or otherwise than acknowledged"
    )
    raise SystemExit(1 if wrong else 0)


@contextmanager
def _running(service: _Service) -> Iterator[_Service]:
    try:
        service.start()
        yield service
    finally:
        service.kill()


def _found(database: str) -> dict[str, list[str]]:
    """Ids in the database, by idempotency key."""
    store = FeedbackStore.open(database)
    found: dict[str, list[str]] = {}
    for kept in store.corrections():
        found.setdefault(kept.correction.idempotency_key or "", []).append(kept.id)
    store.close()
    return found


if __name__ == "__main__":
    main()
