"""The service's settings: one frozen object, built at the entry point and handed down.

Nothing else reads the environment. `docs/configuration.md` is generated from here (`python -m service.reference`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from earshot.backend import ONNX
from earshot.feedback.location import DEFAULT_DATABASE, SCHEMES
from earshot.packing import MAX_BATCH_TOKENS
from service.errors import SettingsError
from service.log import Format

ENV_PREFIX = "EARSHOT_"
OTLP_ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
"""The one setting that has the name that everybody gives it."""
FEEDBACK_OFF = "off"


class Settings(BaseSettings):
    """What may be configured, each as the environment variable `EARSHOT_` and the name in capitals."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX, env_ignore_empty=True, frozen=True, use_attribute_docstrings=True
    )

    model: str = Field(default="default", min_length=1)
    """The bundle to serve: a folder, `default` for the embedded one, or `scheme:…` for what a plug fetches (entry
    points `earshot.model_sources`). Option `--model`."""

    backend: str = Field(default=ONNX, min_length=1)
    """What runs the network: `onnx`, or `torch` for a bundle that holds PyTorch weights. Option `--backend`."""

    host: str = Field(default="127.0.0.1", min_length=1)
    """The address to listen on; `0.0.0.0` for all of IPv4. Option `--host`."""

    port: int = Field(default=8000, ge=0, le=65535)
    """The port to listen on; 0 takes a free one. Option `--port`."""

    threads: int | None = Field(default=None, ge=1)
    """Batches that are judged at once, one thread each; by default the processors that the process may use."""

    max_batch_tokens: int = Field(default=MAX_BATCH_TOKENS, ge=1)
    """Tokens in one batch, of whatever posts wait; only a single longer post exceeds it. Bounds the memory in use."""

    max_posts_per_request: int = Field(default=256, ge=1)
    """Posts in one request; more are refused with 422."""

    max_explained_posts: int = Field(default=16, ge=1)
    """Posts in one request with `explain`, which costs as much again for each word; more are refused with 422."""

    max_body_bytes: int = Field(default=4 * 1024 * 1024, ge=1)
    """Bytes in one request's body, 16 KiB for each of 256 posts by default; more are refused with 413."""

    max_pending_tokens: int | None = Field(default=None, ge=1)
    """Tokens that wait or are being judged, over all requests; a request beyond that is refused at once with 429. By
    default 4096 for each thread. A request counts a quarter of it at most."""

    max_wait_ms: int = Field(default=400, ge=1)
    """Milliseconds of work that may be pending: where `max_pending_tokens` would take longer, by what batches took
    lately, fewer are let in."""

    request_timeout_ms: int = Field(default=30_000, ge=1)
    """Milliseconds until a request is answered with 504, unless its header `X-Request-Timeout-Ms` says otherwise.
    Streams have no deadline."""

    max_batch_ms: int = Field(default=5_000, ge=1)
    """Milliseconds that a single batch may take, usually some ten; beyond that `/livez` and `/readyz` fail with 503, so
    that a service that hangs is started anew."""

    max_streams: int = Field(default=8, ge=1)
    """Streams (`/v1/classify/stream`) that may be open at once; more are refused with 429."""

    max_line_bytes: int = Field(default=256 * 1024, ge=1)
    """Bytes in one line of a stream; a longer one gets an error in its place."""

    stream_stall_s: int = Field(default=60, ge=1)
    """Seconds that a stream waits for its caller to read; then it is broken off."""

    retry_after_s: int = Field(default=1, ge=0)
    """Seconds that a caller refused with 429 or 503 is told to wait (`Retry-After`)."""

    keep_alive_s: int = Field(default=75, ge=1)
    """Seconds that a connection without requests is kept open. Longer than whatever calls (a proxy: often 60) keeps it,
    so that no request meets a connection that is just being closed."""

    max_drain_s: int = Field(default=30, ge=0)
    """Seconds that requests under way get to finish when the service is stopped."""

    model_poll_s: int | None = Field(default=None, ge=0)
    """Seconds between two looks whether there is another model, which is then loaded beside the served one, verified
    and put in its place; by default 10 for a model from a registry and 0, which is never, for a folder. SIGHUP and
    `POST /admin/reload` do the same at once."""

    feedback_database: str = Field(default=DEFAULT_DATABASE, repr=False)
    """Where corrections are kept: `sqlite:///` and a file's path (on a local disk), or
    `postgresql://user:password@host/name`, or `off` to take none. The file is made when it is missing."""

    shadow_model: str | None = None
    """A second model that is asked a share of the same posts, compared and counted, never answered with; named like
    `model`, for example `models:/earshot@challenger`."""

    shadow_share: float = Field(default=0.1, ge=0, le=1)
    """Share of the posts that the second model is asked as well."""

    shadow_review_file: Path | None = None
    """Where posts on which the two disagree are kept for review, as JSON lines with the posts' texts; by default
    nowhere."""

    shadow_review_max_bytes: int = Field(default=100 * 1024 * 1024, ge=0)
    """Bytes that this file may grow to."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """The least severe log lines that are written to standard error; `debug` adds the probes' requests."""

    log_format: Format = "line"
    """How log lines look: `line` for people, `json` for programs. None holds a post's text."""

    otlp_endpoint: str | None = Field(default=None, validation_alias=OTLP_ENDPOINT)
    """Where traces of requests are sent (OTLP over HTTP); none are kept without it. Needs the extra `otel`; the other
    variables of OpenTelemetry hold too."""

    api_keys_file: Path | None = None
    """File of the keys that `/v1` and `/v2` ask for, one `name:sha256:HEX` a line (`earshot key NAME` makes one), read
    again when it changes. Without it everybody may ask."""

    admin_keys_file: Path | None = None
    """File of the keys that `/admin` asks for. Without it there is no `/admin`."""

    @field_validator("feedback_database")
    @classmethod
    def _database_is_of_a_known_kind(cls, value: str) -> str:
        if value != FEEDBACK_OFF and not value.startswith(SCHEMES):
            raise ValueError(f"must be '{FEEDBACK_OFF}' or begin with one of {', '.join(SCHEMES)}")
        return value

    @property
    def takes_feedback(self) -> bool:
        """Whether corrections are taken."""
        return self.feedback_database != FEEDBACK_OFF

    @classmethod
    def read(cls, **given: str | int | None) -> Settings:
        """Read the environment.

        Args:
            given: Settings from the command line, which win over the environment; None is as good as not given.

        Raises:
            SettingsError: A setting cannot be used.
        """
        try:
            return cls.model_validate({name: value for name, value in given.items() if value is not None})
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            variable = "".join(f"{ENV_PREFIX}{name}: ".upper() for name in first["loc"][:1])
            detail = first["msg"].removeprefix("Value error, ")
            raise SettingsError(f"settings: {variable}{detail}") from error
