"""`earshot serve`: settings, bundle and port are made sure of first, then the service lives until it is stopped."""

from __future__ import annotations

import os
import signal
import socket
import sys
from types import FrameType

import click
import uvicorn

from earshot import Bundle
from service.app import create_app
from service.errors import SettingsError
from service.lifespan import Lifecycle
from service.log import log_config
from service.model_source import open_source
from service.settings import Settings

_SWITCH_INTERVAL_S = 0.0005
"""A thread whose batch is done waits so long for the interpreter while the event loop is busy; by Python's own default
it is 5 ms, a fifth of what the batch took, in which its processor does nothing."""

_QUIET_TICKS = 10
_MAX_TICKS = 50
"""Tenths of a second. From the signal on, callers are answered with a refusal and the wish that they hang up; once all
have, or no request has come for the former, or after the latter, connections are closed. A request that is on its way
when its connection is closed would be lost. Counted in turns of the event loop, which is late on a busy machine."""


class _Server(uvicorn.Server):
    """Lets nothing new in from the signal on, and stops when the model cannot be loaded."""

    def __init__(self, config: uvicorn.Config, lifecycle: Lifecycle) -> None:
        super().__init__(config)
        self._lifecycle = lifecycle
        self._ticks_left: int | None = None
        self._quiet_ticks = 0
        self._late_requests = 0

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._lifecycle.drain()
        if self._ticks_left is None and sig == signal.SIGTERM:
            self._ticks_left = _MAX_TICKS
        else:
            super().handle_exit(sig, frame)

    async def on_tick(self, counter: int) -> bool:
        if self._ticks_left is not None and not self.should_exit:
            self._linger(self._ticks_left)
        return self._lifecycle.failure is not None or await super().on_tick(counter)

    def _linger(self, ticks_left: int) -> None:
        come = self._lifecycle.late_requests
        self._quiet_ticks = self._quiet_ticks + 1 if come == self._late_requests else 0
        self._late_requests = come
        self._ticks_left = ticks_left - 1
        if not self.server_state.connections or self._quiet_ticks >= _QUIET_TICKS or not self._ticks_left:
            super().handle_exit(signal.SIGTERM, None)


@click.command()
@click.option("--host", help="Address to listen on.  [default: 127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on; 0 takes a free one.  [default: 8000]")
@click.option("--model", help="Bundle folder, or 'default' for the embedded model.  [default: default]")
@click.option("--backend", help="What runs the network: 'onnx' or 'torch'.  [default: onnx]")
def serve(host: str | None, port: int | None, model: str | None, backend: str | None) -> None:
    """Serve a model over HTTP.

    Further settings are environment variables: see docs/configuration.md.
    """
    settings = Settings.read(host=host, port=port, model=model, backend=backend)
    sys.setswitchinterval(_SWITCH_INTERVAL_S)
    source = open_source(settings.model)
    # What lies here is verified first, so that a bad one is refused before anybody is told to come.
    name = _name(source.fetch()) if source.local else settings.model
    listener = _listen(settings.host, settings.port)
    url = _url(settings.host, listener)
    lifecycle = Lifecycle(settings, source=source)
    app = create_app(settings, lifecycle)
    click.echo(f"Serving {name} on {url} (try it at {url}/docs)")

    config = uvicorn.Config(
        app,
        lifespan="on",
        ws="none",
        access_log=False,  # see `log_config`
        log_config=log_config(settings.log_level, settings.log_format),
        server_header=False,
        timeout_keep_alive=settings.keep_alive_s,
        timeout_graceful_shutdown=settings.max_drain_s,
    )
    # The server hands a signal on once it has shut down. To have been stopped on request is no failure.
    for asked_to_stop in (signal.SIGINT, signal.SIGTERM):
        signal.signal(asked_to_stop, lambda *_: sys.exit())
    signal.signal(signal.SIGHUP, lambda *_: lifecycle.ask_for_reload())
    _Server(config, lifecycle).run(sockets=[listener])
    if lifecycle.failure is not None:
        raise lifecycle.failure
    if lifecycle.hung:
        os._exit(1)  # the interpreter would wait for the thread that hangs


def _name(bundle: Bundle) -> str:
    return f"{bundle.manifest.name} {bundle.manifest.version}"


def _listen(host: str, port: int) -> socket.socket:
    """Take the port at once, so that a taken one is told of before anything is loaded.

    Raises:
        SettingsError: The address cannot be listened on.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise SettingsError(
            f"cannot listen on {host} port {port}: {error.strerror}; choose another with --host and --port"
        ) from error


def _url(host: str, listener: socket.socket) -> str:
    return f"http://{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}"


if __name__ == "__main__":
    from earshot.__main__ import main

    main(["serve", *sys.argv[1:]])
