"""Corrections to keep, for whatever test needs some."""

from __future__ import annotations

from earshot.feedback import Correction, Labels, Predicted, digest_of

DIGEST = "sha256:" + "0" * 64


def correction(
    text: str = "You took 14.99 twice",
    category: str = "billing",
    *,
    secondary: tuple[str, ...] = (),
    urgency: str | None = None,
    reviewer: str | None = None,
    key: str | None = None,
    caller: str = "anonymous",
    with_text: bool = True,
) -> Correction:
    return Correction(
        text=text if with_text else None,
        text_sha256=digest_of(text),
        predicted=Predicted(DIGEST, Labels("none", (), "low"), 0.5),
        corrected=Labels(category, secondary, urgency),
        taxonomy="earshot-default/1",
        post_id="a1",
        reviewer=reviewer,
        idempotency_key=key,
        caller=caller,
    )
