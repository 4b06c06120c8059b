"""Who may ask, and what browsers are told. Knows nothing of posts or models."""

from __future__ import annotations

from typing import Any, cast

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.keys import KeyRing
from service.telemetry import RECORD, RequestRecord

_BEARER = "bearer "
_OPEN_PREFIX = "/v2/health/"
_PROTECTED = ("/v1/", "/v2/")
_ADMIN = "/admin/"

_HEADERS = (
    # An answer is data: where a browser is led to it, it shows no more than text. Pages bring a policy of their own.
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
)


SECURITY_SCHEMES: dict[str, Any] = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "A key, where the service asks for one."},
    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "The same key in another header."},
}
"""For OpenAPI."""


def security_of(path: str) -> list[dict[str, list[str]]]:
    """Say for OpenAPI what a path asks for: a key, or one only where keys are configured, or nothing."""
    keys: list[dict[str, list[str]]] = [{name: []} for name in SECURITY_SCHEMES]
    if path.startswith(_ADMIN):
        return keys
    return [{}, *keys] if _is_protected(path) else []


def _is_protected(path: str) -> bool:
    return path.startswith(_PROTECTED) and not path.startswith(_OPEN_PREFIX)


class SecurityHeaders:
    """ASGI middleware: tells browsers what they may do with an answer, unless the answer says so itself."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and add headers to what is answered."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = message["headers"] = list(message["headers"])
                names = {name for name, _ in given}
                given += [header for header in _HEADERS if header[0] not in names]
            await send(message)

        await self._app(scope, receive, send_with_headers)


class Authentication:
    """ASGI middleware: asks for a key where keys are configured, before anything of the body is read.

    `/v1/…` and `/v2/…` ask for an API key, except for the probes below `/v2/health/`; `/admin/…` asks for an admin
    key, and is not there at all where none is configured. Probes, metrics and pages are open.

    Args:
        app: What is protected.
        api_keys: Who may ask; everybody if None.
        admin_keys: Who may change the service; nobody if None.
        unauthorized: Answers who may not.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        api_keys: KeyRing | None,
        admin_keys: KeyRing | None,
        unauthorized: ASGIApp,
    ) -> None:
        self._app = app
        self._api_keys = api_keys
        self._admin_keys = admin_keys
        self._unauthorized = unauthorized

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        await self._choose(scope)(scope, receive, send)

    def _choose(self, scope: Scope) -> ASGIApp:
        if scope["type"] != "http":
            return self._app
        path: str = scope["path"]
        if path.startswith(_ADMIN):
            # Without admin keys the routes themselves are not there, see `app`.
            return self._app if self._admin_keys is None else self._known(scope, self._admin_keys)
        if self._api_keys is not None and _is_protected(path):
            return self._known(scope, self._api_keys)
        return self._app

    def _known(self, scope: Scope, keys: KeyRing) -> ASGIApp:
        key = _key(Headers(scope=scope))
        name = None if key is None else keys.name_of(key)
        if name is None:
            return self._unauthorized
        cast(RequestRecord, scope["state"][RECORD]).caller = name
        return self._app


def _key(headers: Headers) -> str | None:
    authorization = headers.get("authorization", "")
    if authorization[: len(_BEARER)].lower() == _BEARER:
        return authorization[len(_BEARER) :].strip()
    return headers.get("x-api-key")
