"""How much each label counts, so that rare ones are learned too. Knows nothing of networks.

The weights stand for the mix of labels that the model is made for, wherever that differs from the training data: the
losses, the calibration and the thresholds all see the same mix, so scores stay calibrated for it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from earshot.taxonomy import Taxonomy
from training.config import ConfigError, LossConfig
from training.dataset import NO_URGENCY, Dataset

_POWERS = {"balanced": 1.0, "sqrt": 0.5}


@dataclass(frozen=True, slots=True)
class ClassWeights:
    """The weight of each label.

    Attributes:
        category: `[categories]`.
        urgency: `[urgencies]`.
    """

    category: npt.NDArray[np.float64]
    urgency: npt.NDArray[np.float64]

    @classmethod
    def of(cls, config: LossConfig, taxonomy: Taxonomy, data: Dataset) -> ClassWeights:
        """Weigh labels as the configuration asks.

        Args:
            config: Asks for none, for `balanced` or `sqrt` ones, or gives those of categories by name.
            taxonomy: The labels.
            data: The training posts, whose frequencies count.

        Raises:
            ConfigError: A weight is given for a category that is not in the taxonomy.
        """
        given = config.class_weights
        ones = cls(np.ones(len(taxonomy.categories)), np.ones(len(taxonomy.urgencies)))
        if isinstance(given, dict):
            names = taxonomy.category_names
            if unknown := sorted(given.keys() - set(names)):
                raise ConfigError(f"loss.class_weights names {', '.join(unknown)}, the taxonomy has {', '.join(names)}")
            return cls(np.array([given.get(name, 1.0) for name in names]), ones.urgency)
        if given == "none":
            return ones
        known = data.urgency[data.urgency != NO_URGENCY]
        return cls(
            inverse_frequency(data.category, len(taxonomy.categories), _POWERS[given]),
            inverse_frequency(known, len(taxonomy.urgencies), _POWERS[given]),
        )

    def of_categories(self, data: Dataset) -> npt.NDArray[np.float64]:
        """`[posts]`, the weight of each post's category."""
        return np.asarray(self.category[data.category])

    def of_urgencies(self, data: Dataset) -> npt.NDArray[np.float64]:
        """`[posts]`, the weight of each post's urgency, 0 where it is unknown."""
        if not len(self.urgency):
            return np.zeros(len(data))
        return np.where(data.urgency == NO_URGENCY, 0.0, self.urgency[data.urgency])


def inverse_frequency(labels: npt.NDArray[np.int64], count: int, power: float) -> npt.NDArray[np.float64]:
    """Weights that fall with each label's frequency, 1 on average over the posts.

    Args:
        labels: `[posts]`.
        count: How many labels there are.
        power: 1 makes all labels count the same; 0.5 goes half the way, in logarithms.

    Returns:
        `[count]`, 0 for a label without posts.
    """
    frequency = np.bincount(labels, minlength=count) / max(1, len(labels))
    weights = np.where(frequency > 0, np.maximum(frequency, 1e-12) ** -power, 0.0)
    mean = float((frequency * weights).sum())
    return weights / mean if mean > 0 else weights
