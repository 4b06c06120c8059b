"""One correction: what was predicted, what a person says instead, and of which post. Knows nothing of databases."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass, field
from datetime import datetime

_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Labels:
    """What a post is said to be.

    Attributes:
        category: The category.
        secondary: Further categories.
        urgency: The urgency, or None where it was not judged.
    """

    category: str
    secondary: tuple[str, ...] = ()
    urgency: str | None = None


@dataclass(frozen=True, slots=True)
class Predicted:
    """What a model said.

    Attributes:
        model_digest: Which model.
        labels: What it said.
        confidence: The calibrated probability of its category, or None where the caller did not keep it.
    """

    model_digest: str
    labels: Labels
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class Correction:
    """A person's word on one prediction; it may as well confirm it.

    Attributes:
        text: The post, or None where the caller keeps the texts.
        text_sha256: `digest_of` the post's text.
        predicted: What the model said.
        corrected: What the person says.
        taxonomy: Name and version of the taxonomy that the corrected labels are of, such as `earshot-default/1`.
        post_id: The caller's name for the post.
        reviewer: Who the person is.
        note: What the person has to say about it.
        caller: Who sent it in, by the name of an API key; idempotency keys are each caller's own.
        idempotency_key: The caller's name for this correction, so that it may be sent twice and is kept once.
    """

    text: str | None
    text_sha256: str
    predicted: Predicted
    corrected: Labels
    taxonomy: str
    post_id: str | None = None
    reviewer: str | None = None
    note: str | None = None
    caller: str = "anonymous"
    idempotency_key: str | None = None

    @property
    def fingerprint(self) -> str:
        """SHA-256 over all that it says; two corrections with the same one are the same."""
        said = asdict(self)
        del said["caller"], said["idempotency_key"]
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class KeptCorrection:
    """A correction that is safe on disk.

    Attributes:
        id: Its name, unique for ever.
        received_at: When it was kept, UTC.
        correction: What it says.
        repeated: Whether it was there before, and is not what was brought now.
    """

    id: str
    received_at: datetime
    correction: Correction
    repeated: bool = field(default=False, compare=False)


def storable(text: str) -> str:
    """The text without what databases refuse: NUL, and halves of surrogate pairs.

    No model sees the difference: `normalize` drops these characters too.
    """
    return _UNSTORABLE.sub("", text)


def digest_of(text: str) -> str:
    """SHA-256 of a post's text in UTF-8, in hexadecimal; of what is `storable` of it."""
    return hashlib.sha256(storable(text).encode()).hexdigest()
