"""A service on a real port, in this process: for what a browser or a client of ours asks of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn

from earshot import Pipeline
from service.app import create_app
from service.lifespan import Lifecycle
from service.settings import Settings

WITHIN_S = 60


@contextmanager
def running(settings: Settings, load: Callable[[], Pipeline], *, port: int = 0) -> Iterator[str]:
    """Serve until the end, and give the address; it may still be loading its model."""
    app = create_app(settings, Lifecycle(settings, load))
    config = uvicorn.Config(app, port=port, log_config=None, ws="none", timeout_graceful_shutdown=5)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        deadline = time.monotonic() + WITHIN_S
        while not server.started:
            assert thread.is_alive()
            assert time.monotonic() < deadline
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(WITHIN_S)
