"""The service's settings: one frozen object, built at the entry point and handed down.

Nothing else reads the environment. `docs/configuration.md` is generated from here (`python -m service.reference`).
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from earshot.backend import ONNX
from earshot.packing import MAX_BATCH_TOKENS
from service.errors import SettingsError

ENV_PREFIX = "EARSHOT_"


class Settings(BaseSettings):
    """What may be configured, each as the environment variable `EARSHOT_` and the name in capitals."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX, env_ignore_empty=True, frozen=True, use_attribute_docstrings=True
    )

    model: str = Field(default="default", min_length=1)
    """The bundle to serve: a folder, or `default` for the embedded one. Option `--model`."""

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

    max_body_bytes: int = Field(default=4 * 1024 * 1024, ge=1)
    """Bytes in one request's body, 16 KiB for each of 256 posts by default; more are refused with 413."""

    max_pending_posts: int = Field(default=1024, ge=1)
    """Posts that wait or are being judged, over all requests; a request beyond that is refused at once with 429.
    At least `max_posts_per_request`."""

    retry_after_s: int = Field(default=1, ge=0)
    """Seconds that a caller refused with 429 or 503 is told to wait (`Retry-After`)."""

    max_drain_s: int = Field(default=30, ge=0)
    """Seconds that requests under way get to finish when the service is stopped."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """The least severe log lines that are written to standard error; `debug` adds the probes' requests."""

    @model_validator(mode="after")
    def _largest_request_fits(self) -> Settings:
        if self.max_pending_posts < self.max_posts_per_request:
            raise ValueError(
                f"max_pending_posts ({self.max_pending_posts}) is below max_posts_per_request "
                f"({self.max_posts_per_request}): the largest request would never be let in"
            )
        return self

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
