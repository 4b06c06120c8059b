from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earshot.normalization import normalize
from eval.perturbations import PERTURBATIONS

POST = "Hi @Bramlow, my parcel wasn't delivered on Monday. Can you look? See https://ondavo.example/x"


@pytest.mark.parametrize("name", PERTURBATIONS)
@given(text=st.text(max_size=60), seed=st.integers(0, 3))
def test_the_same_chance_gives_the_same_change_of_any_text(name: str, text: str, seed: int) -> None:
    change = PERTURBATIONS[name]
    assert change(text, Random(seed)) == change(text, Random(seed))


@pytest.mark.parametrize("name", sorted(set(PERTURBATIONS) - {"handle", "accents_apart"}))
def test_every_change_changes_a_post(name: str) -> None:
    assert PERTURBATIONS[name](POST, Random(0)) != POST


@pytest.mark.parametrize("name", ["swapped_letters", "missing_letters", "wrong_keys", "full_width"])
def test_typing_errors_leave_handles_and_links_alone(name: str) -> None:
    for seed in range(50):
        changed = PERTURBATIONS[name](POST, Random(seed))
        assert "@Bramlow" in changed
        assert "https://ondavo.example/x" in changed


@pytest.mark.parametrize("name", ["double_spaces", "line_breaks", "curly_quotes", "accents_apart", "full_width"])
def test_what_normalization_undoes_reaches_no_model(name: str) -> None:
    text = "Crème brûlée wasn't served. Why?"
    assert normalize(PERTURBATIONS[name](text, Random(1))) == normalize(text)


def test_numbers_and_question_marks_keep_their_points() -> None:
    assert PERTURBATIONS["no_punctuation"]("Paid 14.99, why? Now!", Random(0)) == "Paid 14.99 why? Now"


def test_a_post_with_a_handle_gets_no_other() -> None:
    assert PERTURBATIONS["handle"](POST, Random(0)) == POST
