"""A post's path, composed: post → normalization → tokenizer → session → calibration → decision → prediction.

Synchronous and free of transport; the service runs the same stages.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from earshot.backend import ONNX, Session, open_session
from earshot.bundle import DEFAULT, Bundle
from earshot.decision import decide
from earshot.explanation import Occlusion, Word
from earshot.normalization import normalize
from earshot.post import Post, Prediction, Rejection, Result
from earshot.predictor import ModelIdentity
from earshot.screening import Screening, screen
from earshot.taxonomy import Taxonomy
from earshot.tokenization import Encoding


@dataclass(frozen=True, slots=True)
class Prepared:
    """A post on its way, between text and network.

    Attributes:
        post: The post as it was given.
        screening: What was seen without the model.
        encoding: Its tokens.
    """

    post: Post
    screening: Screening
    encoding: Encoding


class Pipeline:
    """Judges posts with one bundle; safe to share between threads.

    Args:
        bundle: A verified bundle.
        threads: Runs that go on at once; by default the processors that this process may use.
        backend: What runs the network, see `earshot/backend.py`.

    Raises:
        BundleError: The bundle's parts don't fit together or don't give its golden predictions.
        SessionError: The backend cannot run its network.
    """

    def __init__(self, bundle: Bundle, *, threads: int | None = None, backend: str = ONNX) -> None:
        manifest = bundle.manifest
        self.bundle = bundle
        self.taxonomy: Taxonomy = manifest.taxonomy
        self.identity: ModelIdentity = bundle.identity
        self._tokenizer = bundle.tokenizer()
        self.session: Session = open_session(bundle, backend, threads=threads)
        try:
            bundle.check_labels(*self.session.labels())
            bundle.check_golden(self.predict([Post(golden.text) for golden in manifest.golden]))
        except BaseException:
            self.close()
            raise

    @classmethod
    def load(cls, folder: str | Path = DEFAULT, *, threads: int | None = None, backend: str = ONNX) -> Pipeline:
        """Load and verify a bundle folder, or the embedded one by the name `default`."""
        return cls(Bundle.load(folder), threads=threads, backend=backend)

    def predict(self, posts: Sequence[Post]) -> list[Result]:
        """Judge posts.

        Args:
            posts: Any number of posts.

        Returns:
            One result per post, in order: a prediction, or a rejection where there is nothing to judge.
            A post's scores don't depend on the other posts.
        """
        return self.judge(self.prepare(posts))

    def prepare(self, posts: Sequence[Post]) -> list[Prepared]:
        """The first half of `predict`: all that happens to the text, up to its tokens."""
        limits = self.bundle.manifest.limits
        # What lies far beyond the characters that are read is not even cleaned: that bounds a huge post's cost.
        # White space around a post is no part of it, so that it neither fills the reach nor counts as cut off.
        reach = self.reach
        given = [post.text.strip() for post in posts]
        texts = [normalize(text[:reach]) for text in given]
        return [
            Prepared(
                post,
                screen(text[: limits.max_characters], limits.languages),
                replace(encoding, truncated=encoding.truncated or len(written) > reach),
            )
            for post, written, text, encoding in zip(posts, given, texts, self._tokenizer.encode(texts), strict=True)
        ]

    def judge(self, prepared: Sequence[Prepared]) -> list[Result]:
        """The second half of `predict`: the network, calibration and decision."""
        results: list[Result] = [_blank(item.post) for item in prepared]
        judged = [index for index, item in enumerate(prepared) if not item.screening.blank]
        if not judged:
            return results
        manifest = self.bundle.manifest
        scores = manifest.calibration.apply(self.session.run([prepared[index].encoding.ids for index in judged]))
        for row, index in enumerate(judged):
            item = prepared[index]
            results[index] = decide(
                item.post,
                item.encoding,
                item.screening,
                scores,
                row,
                taxonomy=self.taxonomy,
                thresholds=manifest.thresholds,
            )
        return results

    @property
    def reach(self) -> int:
        """Characters of a post that are looked at, at most."""
        return 2 * self.bundle.manifest.limits.max_characters

    def explain(self, post: Post) -> tuple[Result, tuple[Word, ...]]:
        """Judge a post, and say which of its words carried the decision.

        Returns:
            The result, and the words in the order of the text; none where there is nothing to judge.
        """
        occlusion = Occlusion(post, reach=self.reach)
        result, *variants = self.predict([post, *occlusion.variants])
        return result, occlusion.explain(result, variants) if isinstance(result, Prediction) else ()

    def classify(self, text: str) -> Prediction:
        """Judge one text.

        Raises:
            ValueError: The text holds nothing to judge.
        """
        (result,) = self.predict([Post(text)])
        if isinstance(result, Rejection):
            raise ValueError(result.detail)
        return result

    def close(self) -> None:
        """Free the session's threads; a pipeline that was closed is not used again."""
        self.session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _blank(post: Post) -> Rejection:
    return Rejection(
        id=post.id,
        type="empty-post",
        title="The post is empty",
        detail="The text holds no visible character; send a text or leave the post out.",
    )
