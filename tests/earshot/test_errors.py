from __future__ import annotations

import earshot
from earshot import DataError, EarshotError, MissingExtraError
from earshot import errors as module
from earshot.errors import RowProblem


def test_every_error_is_of_the_one_family_and_drawn_in_the_docstring() -> None:
    found = {name for name, value in vars(module).items() if isinstance(value, type) and issubclass(value, Exception)}
    for name in found:
        assert issubclass(getattr(module, name), EarshotError)
        assert name in (module.__doc__ or "")
        assert name in earshot.__all__


def test_a_problem_names_row_and_column() -> None:
    assert str(RowProblem(3, "text", "empty")) == "row 3, column 'text': empty"
    assert str(RowProblem(3, None, "not JSON")) == "row 3: not JSON"


def test_a_data_error_names_every_row_up_to_a_bound_and_counts_the_rest() -> None:
    problems = [RowProblem(row, None, "bad") for row in range(1, DataError.SHOWN + 8)]
    error = DataError("posts.csv: unusable", problems)
    assert error.problems == tuple(problems)
    assert str(error).startswith("posts.csv: unusable: row 1: bad; row 2: bad;")
    assert str(error).endswith(f"row {DataError.SHOWN}: bad; and 7 more")


def test_a_missing_extra_is_named_with_the_line_that_installs_it() -> None:
    assert str(MissingExtraError("Parquet", "parquet")) == (
        "Parquet needs the extra 'parquet': pip install 'earshot[parquet]'"
    )
