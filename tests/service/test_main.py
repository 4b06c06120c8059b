"""`earshot serve` as people run it: real processes, real sockets, real signals."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from earshot import Bundle
from earshot.bundle import GRAPH
from tests.tiny import write_tiny_bundle

WITHIN_S = 60
SERVE = (sys.executable, "-m", "earshot", "serve", "--port", "0")


@dataclass
class Server:
    process: subprocess.Popen[str]
    url: str
    log: Path
    said: str

    def stop(self, signal_number: int) -> int:
        self.process.send_signal(signal_number)
        return self.process.wait(WITHIN_S)


@contextmanager
def server(bundle: Bundle, folder: Path) -> Iterator[Server]:
    log = folder / "log"
    with (
        log.open("w") as file,
        subprocess.Popen([*SERVE, "--model", str(bundle.folder)], stdout=subprocess.PIPE, stderr=file, text=True) as it,
    ):
        try:
            assert it.stdout is not None
            said = it.stdout.readline()
            found = re.search(r"http://\S+:\d+", said)
            assert found, log.read_text()
            yield Server(it, found[0], log, said)
        finally:
            it.kill()


def wait_until_ready(url: str) -> None:
    deadline = time.monotonic() + WITHIN_S
    while httpx2.get(f"{url}/readyz").status_code != 200:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def refused(*arguments: str) -> str:
    """Run `earshot serve`, which must be refused, and give the one line that it says."""
    done = subprocess.run([*SERVE, *arguments], capture_output=True, text=True, timeout=WITHIN_S, check=False)
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr


def test_a_server_says_where_it_serves_answers_and_stops_cleanly(bundle: Bundle, tmp_path: Path) -> None:
    with server(bundle, tmp_path) as running:
        assert "tiny 1" in running.said
        assert httpx2.get(f"{running.url}/livez").status_code == 200
        wait_until_ready(running.url)

        answer = httpx2.post(f"{running.url}/v1/classify", json={"posts": ["xyzzy love", "", {"text": 1, "xyzzy": 1}]})
        assert answer.json()["results"][0]["category"] == "praise"
        assert answer.json()["model"]["digest"] == bundle.identity.digest

        too_large = httpx2.post(f"{running.url}/v1/classify", content=(b"x" * 2**20 for _ in range(8)))
        assert too_large.status_code == 413
        for unusable in (b"xyzzy", b'{"xyzzy": 1}', b'{"posts": ["xyzzy"], "explain": 1}'):
            assert httpx2.post(f"{running.url}/v1/classify?xyzzy", content=unusable).status_code == 422
        assert httpx2.get(f"{running.url}/xyzzy?text=xyzzy").status_code == 404

        assert running.stop(signal.SIGTERM) == 0
        log = running.log.read_text()
        assert "POST /v1/classify 200" in log
        assert "tiny 1 closed" in log
        assert "xyzzy" not in log


def test_a_request_under_way_is_finished_when_the_server_is_stopped(bundle: Bundle, tmp_path: Path) -> None:
    body = b'{"posts": ["love"]}'
    head = f"POST /v1/classify HTTP/1.1\r\nHost: t\r\nContent-Length: {len(body)}\r\nExpect: 100-continue\r\n\r\n"
    with server(bundle, tmp_path) as running:
        wait_until_ready(running.url)
        url = httpx2.URL(running.url)
        address = (url.host, url.port or 0)
        with socket.create_connection(address, timeout=WITHIN_S) as caller:
            caller.sendall(head.encode())
            assert caller.recv(1000).startswith(b"HTTP/1.1 100")  # it is let in, and waits for the body
            running.process.send_signal(signal.SIGTERM)
            with pytest.raises(ConnectionError):
                while True:
                    socket.create_connection(address, timeout=WITHIN_S).close()
            caller.sendall(body)
            assert caller.recv(1000).startswith(b"HTTP/1.1 200")
        assert running.process.wait(WITHIN_S) == 0


def test_an_interrupt_from_the_keyboard_stops_it_cleanly_too(bundle: Bundle, tmp_path: Path) -> None:
    with server(bundle, tmp_path) as running:
        wait_until_ready(running.url)
        assert running.stop(signal.SIGINT) == 0
        assert "Traceback" not in running.log.read_text()


def test_a_tampered_bundle_is_refused_with_the_file_named(tiny_bundle: Bundle) -> None:
    tiny_bundle.graph_path.write_bytes(tiny_bundle.graph_path.read_bytes() + b"\0")
    said = refused("--model", str(tiny_bundle.folder))
    assert str(tiny_bundle.folder / GRAPH) in said
    assert "was changed" in said


def test_a_bundle_that_computes_something_else_is_refused_though_its_hashes_are_right(tmp_path: Path) -> None:
    labels = ("leak", "none", "praise", "billing", "complaint", "feature-request")
    write_tiny_bundle(tmp_path / "tiny", labels={"categories": labels})
    said = refused("--model", str(tmp_path / "tiny"))
    assert str(tmp_path / "tiny" / GRAPH) in said
    assert "categories" in said


def test_a_folder_without_a_bundle_is_refused(tmp_path: Path) -> None:
    assert f"no bundle at {tmp_path}" in refused("--model", str(tmp_path))


def test_a_taken_port_is_refused(bundle: Bundle) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = refused("--model", str(bundle.folder), "--port", str(port))
    assert f"cannot listen on 127.0.0.1 port {port}: Address already in use" in said


def test_an_unusable_setting_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EARSHOT_MAX_BODY_BYTES", "lots")
    assert "EARSHOT_MAX_BODY_BYTES" in refused()


def test_the_service_needs_no_training_library() -> None:
    code = "import sys, service.__main__; print(*{'torch', 'transformers', 'mlflow'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=WITHIN_S, check=True)
    assert done.stdout.strip() == ""
