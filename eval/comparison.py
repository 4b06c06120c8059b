"""Champion against challenger on the same posts: is the challenger worse, and may it be released?

```python
from pathlib import Path
from eval.comparison import compare

found = compare(Path("runs/champion"), Path("runs/challenger"))
print(found.verdict, found.reasons)
```
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from eval.compared import COMPARISON, Comparison, Flip, Options, SliceComparison, read_comparison
from eval.compared_cases import compare_cases
from eval.compared_posts import compare_posts
from eval.results import read_results
from eval.verdict import Gate

__all__ = ["COMPARISON", "Comparison", "Flip", "Options", "SliceComparison", "compare", "read_comparison"]

_DEFAULT = Options()


def compare(
    champion: Path, challenger: Path, *, gates: Sequence[Gate] | None = None, options: Options = _DEFAULT
) -> Comparison:
    """Compare two evaluations on the same suite.

    Args:
        champion: The folder that `earshot eval run` wrote for the model in use.
        challenger: The folder of the model that wants its place.
        gates: Other gates than those of the suite that judged the challenger.
        options: How it is made.

    Returns:
        The comparison; where posts or labels do not match, one that says so and whose verdict is `cannot judge`.

    Raises:
        ResultsError: A folder holds no evaluation, or one that cannot be read.
    """
    compared = compare_cases if read_results(challenger).checks else compare_posts
    return compared(champion, challenger, gates=gates, options=options)
