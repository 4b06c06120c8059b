from __future__ import annotations

import numpy as np
import pytest

from earshot.records import LabelledPost
from eval.samples import Sample
from eval.weak_slices import MIN_POSTS, weak_slices
from tests.eval.data import prediction


def _samples(n: int, *, seed: int, weak: str | None = None) -> list[Sample]:
    """Posts of random words, a tenth of them wrong; of those with the weak word more than half."""
    random = np.random.default_rng(seed)
    words = [f"w{letter}{other}x" for letter in "abcdefgh" for other in "abcdef"]
    found = []
    for index in range(n):
        text = " ".join(random.choice(words, size=6))
        share = 0.6 if weak is not None and weak in text else 0.1
        post = LabelledPost(text=text, category="leak", row=index + 1, fields={"source": str(random.integers(4))})
        found.append(Sample(post, prediction("none" if random.random() < share else "leak")))
    return found


def test_a_weak_slice_that_nobody_named_is_found_with_its_error() -> None:
    found = weak_slices(_samples(800, seed=1, weak="wabx"))
    assert found.found[0].name == "with the word 'wabx'"
    assert found.found[0].error > 0.4
    assert found.found[0].error_elsewhere < 0.2
    assert found.found[0].p_adjusted < 0.001
    assert found.candidates > 40


def test_chance_alone_rarely_makes_a_weak_slice() -> None:
    # At most one of twenty searches errs; three or more of thirty have a chance of one in five at the nominal level.
    assert sum(bool(weak_slices(_samples(300, seed=seed)).found) for seed in range(30)) <= 3


def test_few_posts_are_no_slice() -> None:
    found = weak_slices(_samples(MIN_POSTS - 1, seed=0))
    assert (found.candidates, found.found) == (0, ())


def test_the_p_value_is_fishers_exact_one() -> None:
    from scipy.stats import fisher_exact

    right, wrong = prediction("leak"), prediction("none")
    samples = [
        Sample(LabelledPost(text="zig" if index < 30 else "zag", category="leak"), wrong if index % 3 == 0 else right)
        for index in range(30)
    ]
    samples += [
        Sample(LabelledPost(text="zag", category="leak"), wrong if index == 0 else right) for index in range(60)
    ]
    found = weak_slices(samples)
    table = [[10, 20], [1, 59]]
    first = next(one for one in found.found if one.name == "with the word 'zig'")
    expected = fisher_exact(table, alternative="greater").pvalue
    assert first.p_adjusted == pytest.approx(min(1.0, expected * found.candidates), rel=1e-9)
