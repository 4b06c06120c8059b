"""The wire: what requests and responses look like, and how a body becomes posts. Knows nothing of routes.

The classes named as in the core (`Post`, `Prediction`) are its JSON; the core's own are spelled `earshot.Post`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    Field,
    GetCoreSchemaHandler,
)
from pydantic_core import CoreSchema
from pydantic_core.core_schema import no_info_plain_validator_function

import earshot
from earshot.bundle import BaseModelInfo, EvaluationSummary, Limits
from earshot.calibration import Calibration
from earshot.decision import Thresholds
from earshot.post import ReviewReason
from earshot.taxonomy import Taxonomy
from service.body import BODY
from service.budget import TokenBudget
from service.change import Change
from service.errors import FieldProblem, UnusableRequestError
from service.settings import Settings
from service.wire import LONE_SURROGATE, Received, Wire, encodable, validate


class Post(Received):
    """One message from the outside."""

    text: str = Field(examples=["You took 14.99 twice today"])
    """The message as it was written. What lies beyond the model's reach is not read; then `truncated` is true."""

    id: Annotated[str, AfterValidator(encodable)] | None = Field(default=None, examples=["a1"])
    """Your name for it, a string; it is echoed and never read."""


def read_post(item: object) -> earshot.Post | earshot.Rejection:
    """Turn one item of a request into a post, or into the reason why it is none, which spoils no other.

    Args:
        item: What the JSON holds in its place.
    """
    try:
        post = validate(Post, {"text": item} if isinstance(item, str) else item, "post")
    except UnusableRequestError as error:
        return earshot.Rejection(
            id=_usable_id(item),
            type="unusable-post",
            title="The post cannot be used",
            detail=f"{error}. A post is a string, or an object with 'text' and perhaps 'id', both strings.",
        )
    return earshot.Post(text=post.text, id=post.id)


def _usable_id(item: object) -> str | None:
    found = item.get("id") if isinstance(item, dict) else None
    return found if isinstance(found, str) and not LONE_SURROGATE.search(found) else None


class _ReadByItself:
    """Validates one of a request's posts in its own place; to callers it is described as what it is read from.

    Unlike pydantic's own `PlainValidator`, it keeps the core's types out of that description.
    """

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return no_info_plain_validator_function(read_post, json_schema_input_schema=handler.generate_schema(Post | str))


Item = Annotated[earshot.Post | earshot.Rejection, _ReadByItself()]
"""One of a request's posts, or why it is none."""


class ClassifyRequest(Received):
    """Posts to judge."""

    posts: list[Item] = Field(
        examples=[[{"id": "a1", "text": "You took 14.99 twice today"}, "a bare string works too"]]
    )
    """The posts, each an object or simply its text. None at all is fine, and gets no results."""

    explain: bool = False
    """Whether to say which words carried each decision. Costs as much again for each word."""

    @classmethod
    def read(cls, content: object, *, max_posts: int, max_explained_posts: int) -> ClassifyRequest:
        """Read a request from its JSON.

        Args:
            content: The JSON.
            max_posts: The most posts that a request may hold.
            max_explained_posts: The most that it may hold where they are to be explained.

        Raises:
            UnusableRequestError: It is no such request; a bad post among its posts is none of the reasons.
        """
        given = content if isinstance(content, dict) else {}
        posts, explained = given.get("posts"), given.get("explain") is True
        if explained:
            max_posts = min(max_posts, max_explained_posts)
        # Counted first: a body of a million tiny items is not looked at one by one.
        if isinstance(posts, list) and len(posts) > max_posts:
            where = " where they are to be explained" if explained else ""
            detail = f"holds {len(posts)} posts, at most {max_posts} are allowed{where}; send several requests"
            raise UnusableRequestError([FieldProblem("posts", detail)])
        return validate(cls, content, BODY)


class ModelReference(Wire):
    """Which model spoke."""

    name: str = Field(examples=["earshot-default"])
    """The bundle's name."""

    version: str = Field(examples=["1.0.0"])
    """The bundle's version."""

    digest: str = Field(examples=["sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"])
    """SHA-256 over all that a prediction depends on."""

    @classmethod
    def of(cls, identity: earshot.ModelIdentity) -> ModelReference:
        """Take over the core's."""
        return cls(name=identity.name, version=identity.version, digest=identity.digest)


class Word(Wire):
    """A word of a post, or in a long post some neighbouring ones, and what they did for the decision."""

    start: int = Field(ge=0, examples=[9])
    """Where it begins in the text as you sent it, in Unicode code points."""

    end: int = Field(ge=0, examples=[14])
    """Where it ends."""

    text: str = Field(examples=["14.99"])
    """The word."""

    contribution: float = Field(ge=-1, le=1, examples=[0.41])
    """By how much the category's probability sinks when the word is left out; below 0 if it spoke against it."""


class Prediction(Wire):
    """What the model says of one post."""

    id: str | None = Field(examples=["a1"])
    """As in the post."""

    category: str = Field(examples=["billing"])
    """The most probable category."""

    confidence: float = Field(ge=0, le=1, examples=[0.94])
    """Its calibrated probability."""

    scores: dict[str, float] = Field(
        examples=[{"complaint": 0.03, "feature-request": 0, "billing": 0.94, "praise": 0, "leak": 0, "none": 0.03}]
    )
    """Calibrated probability of each category; they sum to 1."""

    secondary: list[str] = Field(examples=[["complaint"]])
    """Further categories that clearly pass, most probable first."""

    urgency: str | None = Field(examples=["high"])
    """The urgency, or null where the taxonomy has none."""

    urgency_scores: dict[str, float] = Field(examples=[{"low": 0.02, "medium": 0.2, "high": 0.7, "critical": 0.08}])
    """Calibrated probability of each urgency, lowest first; they sum to 1, or there are none."""

    route: str | None = Field(examples=["billing"])
    """The department that owns the category, or null."""

    needs_review: bool
    """Whether a person should look: true exactly when there are `review_reasons`."""

    review_reasons: list[ReviewReason]
    """Why."""

    tokens: int = Field(ge=0, examples=[9])
    """Tokens that the model read."""

    truncated: bool
    """Whether the end of the post was not read."""

    explanation: list[Word] | None = None
    """With `explain`: the words, in the order of the text."""


class PostProblem(Wire):
    """What is wrong with one post."""

    type: str = Field(examples=["empty-post"])
    """A stable word for programs: `empty-post`, `unusable-post`, `internal-error`; in a stream also `unusable-line`,
    and `broken-off` as its last line."""

    title: str = Field(examples=["The post is empty"])
    """The kind of problem."""

    detail: str = Field(examples=["The text holds no visible character; send a text or leave the post out."])
    """What to do about it."""


class PostError(Wire):
    """Stands in the place of a post that got no prediction."""

    id: str | None
    """As in the post, where it had one that can be used."""

    error: PostProblem
    """What is wrong."""


class ClassifyResponse(Wire):
    """One result per post, in the order of the posts."""

    model: ModelReference
    """Which model spoke."""

    results: list[Prediction | PostError]
    """The results."""


class StreamedPrediction(Prediction):
    """A line of a stream: what the model says of one post, and which model it was."""

    model: ModelReference
    """Which model spoke; it may change in the middle of a stream."""


class StreamedError(PostError):
    """A line of a stream that stands in the place of a post without a prediction, or its last one if it breaks off."""

    model: ModelReference | None = None
    """Which model was there to be asked."""


class RequestLimits(Wire):
    """What a request may ask."""

    max_posts_per_request: int
    """Posts in one request."""

    max_explained_posts: int
    """Posts in one request with `explain`."""

    max_body_bytes: int
    """Bytes in one request's body."""

    max_pending_tokens: int
    """Tokens that wait or are being judged, over all requests."""

    max_line_bytes: int
    """Bytes in one line of a stream."""


class ModelDescription(ModelReference):
    """The model that is served, as its bundle describes it."""

    created_at: str
    """When the bundle was written, ISO 8601, UTC."""

    architecture: str = Field(examples=["encoder"])
    """`encoder` for a fine-tuned transformer, `tfidf` for the linear baseline."""

    precision: str = Field(examples=["int8-rowwise"])
    """Numbers in the graph."""

    provider: str = Field(examples=["CPUExecutionProvider"])
    """The ONNX execution provider that is really in use."""

    base_model: BaseModelInfo
    """Where the weights started from."""

    taxonomy: Taxonomy
    """What the model may say."""

    thresholds: Thresholds
    """Where the decision changes."""

    calibration: Calibration
    """How logits become probabilities."""

    limits: Limits
    """What the model can read."""

    request_limits: RequestLimits
    """What a request may ask."""

    feedback: bool
    """Whether corrections are taken at `/v1/feedback`."""

    evaluation: tuple[EvaluationSummary, ...]
    """What evaluations found, each figure with its interval."""

    @classmethod
    def describe(cls, pipeline: earshot.Pipeline, settings: Settings, budget: TokenBudget) -> ModelDescription:
        """Describe what is served."""
        manifest = pipeline.bundle.manifest
        return cls(
            name=manifest.name,
            version=manifest.version,
            digest=pipeline.identity.digest,
            created_at=manifest.created_at,
            architecture=manifest.architecture,
            precision=manifest.precision,
            provider=pipeline.session.provider,
            base_model=manifest.base_model,
            taxonomy=manifest.taxonomy,
            thresholds=manifest.thresholds,
            calibration=manifest.calibration,
            limits=manifest.limits,
            request_limits=RequestLimits(
                max_posts_per_request=settings.max_posts_per_request,
                max_explained_posts=settings.max_explained_posts,
                max_body_bytes=settings.max_body_bytes,
                max_pending_tokens=budget.max_pending_tokens,
                max_line_bytes=settings.max_line_bytes,
            ),
            feedback=settings.takes_feedback,
            evaluation=manifest.evaluation,
        )


class ModelChange(Wire):
    """What came of an attempt to change the model."""

    outcome: Literal["switched", "unchanged", "rolled_back"]
    """What happened."""

    model: ModelReference
    """Which model is served now."""

    previous: ModelReference | None
    """Which one `POST /admin/rollback` would bring back."""

    @classmethod
    def of(cls, change: Change) -> ModelChange:
        """Take over what the service says."""
        previous = None if change.previous is None else ModelReference.of(change.previous)
        return cls(outcome=change.outcome, model=ModelReference.of(change.model), previous=previous)


class Health(Wire):
    """The answer to a probe."""

    status: str = Field(examples=["ready"])
    """`alive` or `ready`."""


class ProblemField(Wire):
    """One field at fault."""

    field: str = Field(examples=["posts"])
    """The field's name; `body` for the body as a whole."""

    detail: str = Field(examples=["is missing"])
    """What is wrong."""


class Problem(Wire):
    """An error, as RFC 9457 has it."""

    type: str = Field(examples=["urn:earshot:problem:unusable-request"])
    """A stable name for programs; `about:blank` where the status says it all."""

    title: str = Field(examples=["The request cannot be used"])
    """The kind of problem."""

    status: int = Field(examples=[422])
    """The HTTP status."""

    detail: str = Field(examples=["posts: is missing"])
    """What happened, and what to do about it."""

    error: str | None = None
    """On paths of the Open Inference Protocol: the detail again, under the name that its clients read."""

    errors: list[ProblemField] | None = None
    """With status 422: every field at fault."""
