from __future__ import annotations

import numpy as np
import pytest

from earshot.errors import DataError
from training.splits import near_duplicate_groups, validation_rows

TEXT = "the parcel never came and nobody answers my mails since monday please help me out here now"


def test_copies_with_another_handle_or_number_are_one_group() -> None:
    texts = [
        "@acme my parcel 123 is late again, where is it?",
        "a wholly different post about the weather in spring",
        "@other my parcel 77 is late again, where is it?",
    ]
    groups = near_duplicate_groups(texts, 0.6)
    assert groups[0] == groups[2] != groups[1]


def test_short_posts_group_only_with_their_equals() -> None:
    groups = near_duplicate_groups(["thank you", "Thank you!", "thank them", "no"], 0.6)
    assert groups[0] == groups[1]
    assert len(set(groups.tolist())) == 3


def test_no_near_duplicate_crosses_the_split() -> None:
    random = np.random.default_rng(3)
    texts = [" ".join(random.permutation(TEXT.split(" "))) for _ in range(150)]
    texts += [f"@user{index} {text}" for index, text in enumerate(texts)]
    category = np.tile(random.integers(0, 3, 150), 2)
    groups = near_duplicate_groups(texts, 0.6)
    validation = set(validation_rows(category, groups, 0.2, seed=1).tolist())
    assert 0.1 < len(validation) / len(texts) < 0.3
    assert all((row in validation) == (row + 150 in validation) for row in range(150))


def test_posts_that_are_all_alike_are_refused() -> None:
    with pytest.raises(DataError, match="too alike"):
        validation_rows(np.zeros(10, np.int64), np.zeros(10, np.int64), 0.1, seed=1)


def test_the_split_keeps_the_share_of_each_category() -> None:
    category = np.repeat([0, 1], [900, 100])
    rows = validation_rows(category, np.arange(1000), 0.1, seed=2)
    assert len(rows) == 100
    assert 8 <= int((category[rows] == 1).sum()) <= 12
