"""A pytest plugin: an evaluation's gates as tests, so that QA can run them inside a suite of their own.

```
pytest --earshot-results runs/candidate
pytest --earshot-results runs/candidate --earshot-champion runs/champion
```

Every gate is a test; so is every problem, and with a champion that the challenger is not significantly worse. A gate
that cannot be judged fails like one that is not kept; one that is not required is marked as expected to fail.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from eval.verdict import GateOutcome

# Nothing of the harness is imported before it is asked for: pytest loads this plugin in every run of everybody.


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the two options."""
    group = parser.getgroup("earshot", "gates of an Earshot evaluation")
    group.addoption("--earshot-results", type=Path, metavar="DIR", help="What `earshot eval run` wrote.")
    group.addoption("--earshot-champion", type=Path, metavar="DIR", help="The same of the model in use.")


def pytest_collection_modifyitems(session: pytest.Session, config: pytest.Config, items: list[pytest.Item]) -> None:
    """Add a test for each gate."""
    folder = config.getoption("--earshot-results")
    if folder is None:
        return
    for outcome in _outcomes(folder, config.getoption("--earshot-champion")):
        item = GateItem.from_parent(session, name=f"earshot[{outcome.name}]", outcome=outcome)
        if not outcome.required:
            item.add_marker(pytest.mark.xfail(reason="not required", strict=False))
        items.append(item)


def _outcomes(folder: Path, champion: Path | None) -> Iterator[GateOutcome]:
    from eval.comparison import compare
    from eval.comparison_files import significance
    from eval.errors import ResultsError
    from eval.results import read_results
    from eval.verdict import GateOutcome

    try:
        if champion is not None:
            found = compare(champion, folder)
            problems, outcomes = found.problems, (significance(found), *found.gates)
        else:
            results = read_results(folder)
            problems, outcomes = results.problems, results.gates
    except ResultsError as error:
        raise pytest.UsageError(str(error)) from error
    for problem in problems:
        yield GateOutcome(name=problem.kind, kind="problem", verdict="cannot judge", says=str(problem))
    yield from outcomes


class GateError(AssertionError):
    """A gate is not passed."""


class GateItem(pytest.Item):
    """One gate as a test."""

    def __init__(self, *, outcome: GateOutcome, **more: object) -> None:
        super().__init__(**more)  # type: ignore[arg-type]
        self.outcome = outcome

    def runtest(self) -> None:
        """Fail unless the gate passes."""
        if self.outcome.verdict != "pass":
            raise GateError(f"{self.outcome.verdict}: {self.outcome.says}")

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: object = None) -> str:
        """The gate's own words instead of a traceback."""
        return str(excinfo.value)

    def reportinfo(self) -> tuple[Path, None, str]:
        """What pytest calls it."""
        return self.path, None, self.name
