from __future__ import annotations

import numpy as np
import pytest

from training.linear_probe import fit_probe

WIDTH = 6


@pytest.mark.parametrize("present", [[0, 1], [0, 2, 3]], ids=["two", "some of many"])
def test_a_probe_tells_apart_what_the_vectors_tell_apart(present: list[int]) -> None:
    random = np.random.default_rng(3)
    category = random.choice(present, size=200)
    vectors = (0.01 * (3 * np.eye(WIDTH)[category] + random.normal(0, 0.3, (200, WIDTH)))).astype(np.float32)
    weights, biases = fit_probe(vectors, category, np.ones(200, np.float32), 4)
    assert weights.shape == (4, WIDTH)
    logits = vectors @ weights.T + biases
    assert logits.argmax(axis=1).tolist() == category.tolist()
    absent = [index for index in range(4) if index not in present]
    assert (logits[:, absent] < logits[:, present].max(axis=1, keepdims=True) - 5).all()


def test_posts_count_as_much_as_they_weigh() -> None:
    vectors = np.ones((10, 1), np.float32) + np.linspace(0, 0.1, 10, dtype=np.float32)[:, np.newaxis]
    category = np.array([0] * 8 + [1] * 2)
    heavy = np.where(category == 1, 100, 1).astype(np.float32)
    for weight, winner in ((np.ones(10, np.float32), 0), (heavy, 1)):
        weights, biases = fit_probe(vectors[:, :1] * 0 + 1, category, weight, 2)
        assert (weights @ np.ones(1, np.float32) + biases).argmax() == winner
