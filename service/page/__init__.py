"""`GET /`: a page to try posts in and to correct what is said of them; plain files, served from the package.

It asks nobody but this service, and the browser is told not to let it. Its addresses are relative, so that any prefix
before `/` will do.
"""

from __future__ import annotations

from importlib import resources

from fastapi import FastAPI
from starlette.responses import HTMLResponse
from starlette.staticfiles import StaticFiles

PATH = "/"
_ASSETS = "/assets"

# Nothing inline: no post that is shown can become code or style.
_HEADERS = {
    "Content-Security-Policy": "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self'",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        )
    ),
    "Cache-Control": "no-cache",
}


def add_page(app: FastAPI) -> None:
    """Serve the page and its assets."""
    page = HTMLResponse((resources.files(__name__) / "static" / "index.html").read_text(encoding="utf-8"))
    page.headers.update(_HEADERS)

    @app.get(PATH, include_in_schema=False)
    async def index() -> HTMLResponse:
        return page

    app.mount(_ASSETS, StaticFiles(packages=[(__name__, "static")]))
