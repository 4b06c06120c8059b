"""Samples: a labelled post with what the model said of it, and many of them as arrays. Knows nothing of metrics."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from earshot.post import Prediction, Result
from earshot.records import LabelledPost
from earshot.taxonomy import Taxonomy


def digest_of(text: str) -> str:
    """The SHA-256 of a post's text, which stands for it wherever texts must not stand."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


_UNSURE = frozenset({"low_confidence", "ambiguous"})


@dataclass(frozen=True, slots=True)
class Sample:
    """One judged post.

    Attributes:
        post: The post with its gold labels.
        result: The model's prediction, or why it gave none.
    """

    post: LabelledPost
    result: Result

    @property
    def prediction(self) -> Prediction | None:
        """The prediction; None when the model rejected the post."""
        return self.result if isinstance(self.result, Prediction) else None

    @property
    def wrong(self) -> bool:
        """Whether the category is not the gold one."""
        return self.prediction is None or self.prediction.category != self.post.category

    @property
    def unsure(self) -> bool:
        """Whether the post goes to a person because of what the model said, or did not say."""
        return self.prediction is None or not _UNSURE.isdisjoint(self.prediction.review_reasons)

    def as_record(self, slices: Sequence[str] = ()) -> dict[str, Any]:
        """The sample as a JSON object without the post's text: the text is only pointed to, by its SHA-256.

        Args:
            slices: The names of the slices and groups that it belongs to.
        """
        said = self.result.as_dict()
        del said["id"]
        post = self.post
        return {
            "id": post.id,
            "row": post.row,
            "text_sha256": digest_of(post.text),
            "gold": {
                "category": post.category,
                "secondary": list(post.secondary),
                "urgency": post.urgency,
                "ambiguous": post.ambiguous,
            },
            "slices": list(slices),
            **(said if self.prediction is None else {"prediction": said}),
        }


@dataclass(frozen=True, slots=True)
class SampleArrays:
    """Samples as indices into the taxonomy.

    Attributes:
        category: `[posts]`, gold categories.
        predicted_category: `[posts]`, the number of categories where the model rejected the post.
        urgency: `[posts]`, gold urgencies; -1 where there is none.
        predicted_urgency: `[posts]`, the number of urgencies where the model gave none.
        scores: `[posts, categories]`; zeros where the model rejected the post.
        secondary: `[posts, categories]`, gold secondary categories.
        predicted_secondary: `[posts, categories]`; none where the model rejected the post.
        unsure: `[posts]`, as `Sample.unsure`.
    """

    category: npt.NDArray[np.int64]
    predicted_category: npt.NDArray[np.int64]
    urgency: npt.NDArray[np.int64]
    predicted_urgency: npt.NDArray[np.int64]
    scores: npt.NDArray[np.float64]
    secondary: npt.NDArray[np.bool_]
    predicted_secondary: npt.NDArray[np.bool_]
    unsure: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, samples: Sequence[Sample], taxonomy: Taxonomy) -> SampleArrays:
        """Look up the labels of samples, in order.

        Args:
            samples: At least one.
            taxonomy: The labels, gold and predicted.
        """
        names = taxonomy.category_names
        categories: dict[str | None, int] = {name: index for index, name in enumerate(names)}
        urgencies: dict[str | None, int] = {name: index for index, name in enumerate(taxonomy.urgency_names)}
        said = [sample.prediction for sample in samples]
        nothing = dict.fromkeys(names, 0.0)
        return cls(
            category=np.array([categories[sample.post.category] for sample in samples]),
            predicted_category=np.array([categories[one.category] if one else len(names) for one in said]),
            urgency=np.array([urgencies.get(sample.post.urgency, -1) for sample in samples]),
            predicted_urgency=np.array([urgencies.get(one.urgency if one else None, len(urgencies)) for one in said]),
            scores=np.array([[(one.scores if one else nothing)[name] for name in names] for one in said]),
            secondary=np.array([[name in sample.post.secondary for name in names] for sample in samples]),
            predicted_secondary=np.array([[name in (one.secondary if one else ()) for name in names] for one in said]),
            unsure=np.array([sample.unsure for sample in samples]),
        )
