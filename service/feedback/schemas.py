"""A correction on the wire, and how it becomes one of the core's. Knows nothing of routes or databases."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from earshot import ModelIdentity, Taxonomy
from earshot.feedback import Correction, KeptCorrection, Labels, Predicted, digest_of
from earshot.feedback.correction import storable
from service.body import BODY
from service.errors import FieldProblem, UnusableRequestError
from service.wire import Received, Wire, encodable, validate

IDEMPOTENCY_KEY = "Idempotency-Key"
_MAX_SHOWN_LABELS = 20


def _without_nul(value: str) -> str:
    if "\0" in value:
        raise PydanticCustomError("nul", "holds the character NUL, which cannot be kept")
    return value


_Kept = Annotated[str, AfterValidator(encodable), AfterValidator(_without_nul)]
_Label = Annotated[_Kept, Field(min_length=1, max_length=100)]
_Name = Annotated[_Kept, Field(min_length=1, max_length=200)]


class CorrectedLabels(Received):
    """What the person says."""

    category: _Label = Field(examples=["billing"])
    """The one category; of the taxonomy that is served."""

    secondary: list[_Label] = Field(default=[], max_length=100, examples=[["complaint"]])
    """Further categories that clearly pass."""

    urgency: _Label | None = Field(default=None, examples=["high"])
    """The urgency; null where the person did not judge it."""


class PredictedLabels(Received):
    """What the model said, as it was answered."""

    model_digest: str = Field(
        pattern="^sha256:[0-9a-f]{64}$",
        examples=["sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"],
    )
    """The `model.digest` that the answer named."""

    category: _Label = Field(examples=["complaint"])
    """The category."""

    secondary: list[_Label] = Field(default=[], max_length=100, examples=[[]])
    """Further categories."""

    urgency: _Label | None = Field(default=None, examples=["medium"])
    """The urgency."""

    confidence: float | None = Field(default=None, ge=0, le=1, examples=[0.61])
    """The category's probability."""


class FeedbackRequest(Received):
    """A person's word on one prediction: a correction, or that it was right."""

    text: str | None = Field(default=None, examples=["You took 14.99 twice today"])
    """The post, as it was sent to be judged. May be left out by who keeps the posts: then `text_sha256` and `id` are
    needed."""

    text_sha256: str | None = Field(default=None, pattern="^[0-9a-f]{64}$", examples=[None])
    """SHA-256 of the post's text in UTF-8, in hexadecimal."""

    id: _Name | None = Field(default=None, examples=["a1"])
    """Your name for the post."""

    prediction: PredictedLabels
    """What the model said."""

    correction: CorrectedLabels
    """What the person says; the same as the prediction if it was right."""

    reviewer: _Name | None = Field(default=None, examples=["ada"])
    """Who the person is: any name that stays the same."""

    note: Annotated[_Kept, Field(max_length=4000)] | None = Field(
        default=None, examples=["Charged twice is billing, angry or not"]
    )
    """What the person has to say about it."""

    idempotency_key: _Name | None = Field(default=None, examples=["8e03978e-40d5-43e8-bc93-6894a57f9324"])
    """A name of your own for this correction, such as a UUID: sent again with the same key, it is kept once. The header
    `Idempotency-Key` does the same."""

    @classmethod
    def read(cls, content: object, *, header_key: str | None = None) -> FeedbackRequest:
        """Read a request.

        Args:
            content: Its JSON.
            header_key: What the header `Idempotency-Key` said; it counts as if it stood in the body.

        Raises:
            UnusableRequestError: It is no such request; names every field at fault.
        """
        request = validate(cls, content, BODY)
        if header_key is None:
            return request
        # The draft standard has it in quotes, most callers don't.
        key = header_key.removeprefix('"').removesuffix('"') if len(header_key) > 1 else header_key
        if not key or len(key) > 200:
            raise UnusableRequestError([FieldProblem(IDEMPOTENCY_KEY, "must have 1 to 200 characters")])
        if request.idempotency_key not in (None, key):
            raise UnusableRequestError([FieldProblem(IDEMPOTENCY_KEY, "differs from the body's idempotency_key")])
        return request.model_copy(update={"idempotency_key": key})

    def correction_of(self, taxonomy: Taxonomy, model: ModelIdentity, *, caller: str) -> Correction:
        """Make of it what is kept.

        Args:
            taxonomy: What the corrected labels must be of.
            model: The model that is served; labels that it is said to have predicted must be of its taxonomy.
            caller: Who sent it.

        Raises:
            UnusableRequestError: Names every field at fault.
        """
        problems = [*self._post_problems(), *_label_problems("correction", self.correction, taxonomy)]
        if self.prediction.model_digest == model.digest:
            problems += _label_problems("prediction", self.prediction, taxonomy)
        if problems:
            raise UnusableRequestError(problems)
        return Correction(
            text=None if self.text is None else storable(self.text),
            text_sha256=self.text_sha256 or digest_of(self.text or ""),
            predicted=Predicted(self.prediction.model_digest, _labels(self.prediction), self.prediction.confidence),
            corrected=_labels(self.correction),
            taxonomy=f"{taxonomy.name}/{taxonomy.version}",
            post_id=self.id,
            reviewer=self.reviewer,
            note=self.note,
            caller=caller,
            idempotency_key=self.idempotency_key,
        )

    def _post_problems(self) -> list[FieldProblem]:
        if self.text is None:
            missing = [name for name in ("text_sha256", "id") if getattr(self, name) is None]
            return [FieldProblem(name, "is missing; without a text, text_sha256 and id are needed") for name in missing]
        if not storable(self.text).strip():
            return [FieldProblem("text", "is empty: there is nothing to learn from")]
        if self.text_sha256 not in (None, digest_of(self.text)):
            return [FieldProblem("text_sha256", "is not the SHA-256 of the text in UTF-8; leave it out")]
        return []


def _labels(said: CorrectedLabels | PredictedLabels) -> Labels:
    secondary = dict.fromkeys(name for name in said.secondary if name != said.category)
    return Labels(said.category, tuple(secondary), said.urgency)


def _label_problems(whose: str, said: CorrectedLabels | PredictedLabels, taxonomy: Taxonomy) -> list[FieldProblem]:
    categories, urgencies = taxonomy.category_names, taxonomy.urgency_names
    problems = []
    if said.category not in categories:
        problems.append(FieldProblem(f"{whose}.category", _unknown(categories)))
    if not set(said.secondary) <= set(categories):
        problems.append(FieldProblem(f"{whose}.secondary", _unknown(categories, each=True)))
    if said.urgency is not None and said.urgency not in urgencies:
        problems.append(FieldProblem(f"{whose}.urgency", _unknown(urgencies)))
    return problems


def _unknown(known: tuple[str, ...], *, each: bool = False) -> str:
    if not known:
        return "must be null: the model's taxonomy has none"
    more = ", …" if len(known) > _MAX_SHOWN_LABELS else ""
    return f"must {'each ' if each else ''}be one of {', '.join(known[:_MAX_SHOWN_LABELS])}{more}"


class FeedbackReceipt(Wire):
    """Says that a correction is kept: once this was answered, it survives a power cut."""

    id: str = Field(examples=["5f0c1e3b7d1a4c0f9f3e2d1c0b9a8f7e"])
    """The correction's name, for ever."""

    received_at: datetime = Field(examples=["2026-01-01T12:00:00.000000Z"])
    """When it was kept."""

    text_sha256: str = Field(examples=["0bd2dca4b1e1d9b0e1c0f7a6d1c7b6f3e2a5948b7c6d5e4f3a2b1c0d9e8f7a6b"])
    """SHA-256 of the post's text."""

    @classmethod
    def of(cls, kept: KeptCorrection) -> FeedbackReceipt:
        """Confirm what was kept."""
        return cls(id=kept.id, received_at=kept.received_at, text_sha256=kept.correction.text_sha256)
