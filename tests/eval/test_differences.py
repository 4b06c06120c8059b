from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.contingency_tables import mcnemar as reference_mcnemar
from statsmodels.stats.multitest import multipletests

from eval.compared import Options
from eval.compared_posts import compare_samples, p_values_between
from eval.differences import ALPHA, Difference, holm, mcnemar, paired_differences, randomization_tests
from eval.metrics.classification import classification
from eval.metrics.family import Family
from eval.samples import SampleArrays
from tests.eval.data import TAXONOMY
from tests.eval.folders import answered, flipped, labelled

PAIRS = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=80)


@given(PAIRS)
def test_mcnemar_agrees_with_statsmodels(pairs: list[tuple[bool, bool]]) -> None:
    champion, challenger = (np.array(side) for side in zip(*pairs, strict=True))
    found = mcnemar(champion, challenger)
    table = [[int((a & b).sum()) for b in (challenger, ~challenger)] for a in (champion, ~champion)]
    if found.champion_only + found.challenger_only:
        assert found.p == pytest.approx(reference_mcnemar(table, exact=True).pvalue, abs=1e-9)
    else:
        assert found.p == 1.0
    assert (found.champion_only, found.challenger_only, found.n) == (table[0][1], table[1][0], len(pairs))


def test_mcnemar_of_a_worked_example() -> None:
    # One against eight discordant posts: 2 · (1 + 9) / 2⁹.
    champion = np.array([True] * 8 + [False] + [True] * 20)
    challenger = np.array([False] * 8 + [True] + [True] * 20)
    assert mcnemar(champion, challenger).p == pytest.approx(20 / 512, abs=1e-12)


@settings(max_examples=25)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_agrees_with_statsmodels(p_values: list[float]) -> None:
    assert holm(p_values) == pytest.approx(multipletests(p_values, method="holm")[1].tolist(), abs=1e-9)


def test_nothing_tested_needs_no_correction() -> None:
    assert holm([]) == []


def test_the_randomization_test_of_accuracy_is_mcnemars() -> None:
    random = np.random.default_rng(0)
    gold, champion = random.integers(3, size=120), random.integers(3, size=120)
    challenger = np.where(random.random(120) < 0.25, gold, champion)
    one, other = (classification(gold, said, ("a", "b", "c")) for said in (champion, challenger))
    exact = mcnemar(champion == gold, challenger == gold).p
    p = randomization_tests([one], [other], ["accuracy"], draws=20_000, seed=0)["accuracy"]
    assert p == pytest.approx(exact, abs=0.002)


def test_a_figure_that_is_undefined_for_a_model_is_not_tested() -> None:
    gold = np.zeros(5, dtype=np.int64)
    one = classification(gold, gold, ("a", "b"))
    assert randomization_tests([one], [one], ["f1[b]"], draws=10, seed=0) == {}


def _mean(values: np.ndarray) -> Family:
    from eval.metrics.family import Measured

    contributions = np.stack([values, np.ones_like(values)], axis=1)
    return Family(contributions, lambda totals: {"accuracy": Measured(totals[..., 0] / totals[..., 1], totals[..., 1])})


def _paired(before: np.ndarray, after: np.ndarray, resamples: int = 4000) -> Difference:
    strata = np.zeros(len(before), dtype=np.int64)
    return paired_differences([_mean(before)], [_mean(after)], strata, resamples=resamples, seed=0)["accuracy"]


def test_interval_and_detectable_effect_are_those_of_the_paired_differences() -> None:
    random = np.random.default_rng(1)
    before = random.normal(size=400)
    after = before + random.normal(0.1, 0.5, size=400)
    found, error = _paired(before, after), np.std(after - before) / 20
    assert found.difference == pytest.approx(float(np.mean(after - before)), abs=1e-12)
    assert found.standard_error == pytest.approx(error, rel=0.05)
    assert found.low == pytest.approx(found.difference - 1.96 * error, abs=0.005)
    assert found.minimum_detectable == pytest.approx((1.95996 + 0.84162) * error, rel=0.05)
    assert found.bearable_margin == pytest.approx((1.64485 + 0.84162) * error, rel=0.05)


def test_the_stated_effect_is_found_in_four_of_five_samples() -> None:
    random = np.random.default_rng(2)
    effect = (1.95996 + 0.84162) * 0.5 / 20
    found = 0
    for _ in range(200):
        before = random.normal(size=400)
        drawn = _paired(before, before + random.normal(effect, 0.5, size=400), resamples=200)
        found += drawn.low is not None and drawn.low > 0
    assert 0.7 < found / 200 < 0.9


def test_no_flip_seen_is_not_no_flip_possible() -> None:
    same = np.ones(60)
    found = _paired(same, same, resamples=100)
    assert found.minimum_detectable is None
    assert found.bearable_margin == pytest.approx(3 / 60)


def test_ten_percent_flipped_labels_are_named_significantly_worse() -> None:
    champion = answered(labelled(300), right=0.85, seed=1)
    found = compare_samples(champion, flipped(champion, share=0.1, seed=2), TAXONOMY, Options(resamples=500))
    worse = {one.metric for one in found if one.worse()}
    assert {"accuracy", "macro_f1"} <= worse


def _any_significant(seed: int, *, same: bool) -> bool:
    posts = labelled(200, seed)
    champion = answered(posts, right=0.8, seed=2 * seed)
    challenger = champion if same else answered(posts, right=0.8, seed=2 * seed + 1)
    one, other = (SampleArrays.of(samples, TAXONOMY) for samples in (champion, challenger))
    p_values = p_values_between(one, other, TAXONOMY, Options(resamples=199, seed=seed))
    return min(holm(list(p_values.values()))) < ALPHA


def test_the_same_model_is_never_significantly_different_in_200_trials() -> None:
    assert not any(_any_significant(seed, same=True) for seed in range(200))


def test_equally_good_models_differ_significantly_no_more_often_than_the_nominal_five_percent() -> None:
    found = sum(_any_significant(seed, same=False) for seed in range(200))
    # At exactly 5 %, more than 17 of 200 come about in 1 of 100 runs.
    assert found <= 17
