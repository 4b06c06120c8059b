"""Which words carried a decision: the post is judged again without each of them (occlusion).

Knows nothing of networks: it says what is to be judged besides the post, and reads the answers. Since the packed graph
judges many short texts in one run, and none changes another's scores, the variants of a post are simply more posts.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from earshot.post import Post, Prediction, Rejection, Result

MAX_SPANS = 64
"""A post is judged so many more times at most; in a longer one, neighbouring words are left out together."""

_WORD = re.compile(r"\S+")


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a post, or some neighbouring ones, and what they did for the decision.

    Attributes:
        start: Where it begins in the text as it was written, in characters (Unicode code points).
        end: Where it ends.
        contribution: By how much the probability of the category given sinks when it is left out; below 0 when it
            spoke against that category.
    """

    start: int
    end: int
    contribution: float


class Occlusion:
    """A post, and what is to be judged to explain it.

    Args:
        post: The post.
        reach: Characters of its text that the model may read at most.

    Attributes:
        variants: The post without each of its spans; as many as there are spans.
    """

    def __init__(self, post: Post, *, reach: int) -> None:
        self._spans = _spans(post.text, reach)
        self.variants = [Post(post.text[:start] + post.text[end:]) for start, end in self._spans]

    def explain(self, prediction: Prediction, results: Sequence[Result]) -> tuple[Word, ...]:
        """Say what each word did.

        Args:
            prediction: What was said of the post.
            results: What was said of each variant, in order.

        Returns:
            The words, in the order of the text.
        """
        return tuple(
            Word(start, end, prediction.confidence - _score(result, prediction))
            for (start, end), result in zip(self._spans, results, strict=True)
        )


def _score(result: Result, prediction: Prediction) -> float:
    """The probability that is left for the category; where nothing is left to judge, it is as likely as any other."""
    if isinstance(result, Rejection):
        return 1 / len(prediction.scores)
    return result.scores[prediction.category]


def _spans(text: str, reach: int) -> list[tuple[int, int]]:
    # White space in front of a post is no part of what is read.
    begin = len(text) - len(text.lstrip())
    words = [match.span() for match in _WORD.finditer(text, begin, min(len(text), begin + reach))]
    together = -(-len(words) // MAX_SPANS) or 1
    groups = [words[start : start + together] for start in range(0, len(words), together)]
    return [(group[0][0], group[-1][1]) for group in groups]
