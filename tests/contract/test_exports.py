from __future__ import annotations

from types import ModuleType

import earshot


def test_the_public_names_are_sorted_and_each_stands_once() -> None:
    assert list(earshot.__all__) == sorted(set(earshot.__all__))


def test_every_public_name_is_listed_and_there() -> None:
    public = {
        name
        for name, value in vars(earshot).items()
        if not name.startswith("_") and not isinstance(value, ModuleType) and name != "annotations"
    }
    assert public == set(earshot.__all__)


def test_what_is_listed_explains_itself() -> None:
    for name in earshot.__all__:
        value = getattr(earshot, name)
        assert value.__doc__ or name == "Result", f"{name} has no docstring"
