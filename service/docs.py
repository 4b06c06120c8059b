"""`GET /docs`: Swagger UI over the OpenAPI description, all of it served from here.

The package `fastapi-swagger` is used for the files that it carries (Swagger UI itself, Apache-2.0), not for its
code, which reads them anew at each request through a deprecated function.
"""

from __future__ import annotations

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.responses import HTMLResponse
from starlette.staticfiles import StaticFiles

PATH = "/docs"
_ASSETS = f"{PATH}/assets"

# The page calls nobody else, and the browser is told not to let it. It has one inline script and inline styles.
_CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data:",
    )
)
_PARAMETERS = {
    # Swagger UI's default sends the description's address to validator.swagger.io.
    "validatorUrl": None,
    "tryItOutEnabled": True,
    "displayRequestDuration": True,
}


def add_docs(app: FastAPI) -> None:
    """Serve the page and its assets; their addresses are relative, so that any prefix before `/docs` will do."""
    page = get_swagger_ui_html(
        openapi_url="openapi.json",
        title=f"{app.title} API",
        swagger_js_url=f".{_ASSETS}/swagger-ui-bundle.js",
        swagger_css_url=f".{_ASSETS}/swagger-ui.css",
        swagger_favicon_url=f".{_ASSETS}/favicon-32x32.png",
        swagger_ui_parameters=_PARAMETERS,
    )
    page.headers["Content-Security-Policy"] = _CONTENT_SECURITY_POLICY

    @app.get(PATH, include_in_schema=False)
    async def docs() -> HTMLResponse:
        return page

    app.mount(_ASSETS, StaticFiles(packages=[("fastapi_swagger", "resources")]))
