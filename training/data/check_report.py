"""The check's `report.html`: self-contained, the worst first, with pictures and the posts to look at.

It holds posts' texts. Knows nothing of how anything was found.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import numpy.typing as npt

from training.data.findings import Checked, Finding
from training.data.label_issues import ranked
from training.data.languages import UNKNOWN
from training.data.posts import CheckedPost

SHOWN_ROWS = 50
SHOWN_GROUPS = 15
SHOWN_IN_GROUP = 6
SHOWN_ISSUES = 60
MAX_TEXT = 500
_BINS = 24
_MAX_BARS = 24


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of a picture.

    Attributes:
        name: What it counts.
        count: How many.
        share: Of the longest bar, from 0 to 1.
        of_all: Of all posts, from 0 to 1.
    """

    name: str
    count: int
    share: float
    of_all: float


def render_report(results: Mapping[str, Any], checked: Checked, findings: Sequence[Finding]) -> str:
    """Write the report.

    Args:
        results: What `check.json` holds.
        checked: What was measured.
        findings: What it comes to.

    Returns:
        An HTML page that asks nothing of the network. It holds posts' texts.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("training.data"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["thousands"] = "{:,}".format
    environment.filters["percent"] = "{:.1%}".format
    return environment.get_template("check.html.jinja").render(
        results=results,
        checked=checked,
        findings=findings,
        title=", ".join(Path(file.name).name for file in checked.files),
        problems=[(file.name, problem) for file in checked.files for problem in file.problems],
        categories=_bars(results["categories"].items(), results["posts"])[:_MAX_BARS],
        urgencies=_bars(results["urgencies"].items(), results["posts"]),
        together=_together(checked),
        spoken=_bars(_spoken(results["languages"]), results["posts"]),
        histogram=_histogram(checked.lengths.tokens),
        issues=ranked(checked.searches),
        confusions=_confusions(checked),
        shown_rows=SHOWN_ROWS,
        shown_groups=SHOWN_GROUPS,
        shown_in_group=SHOWN_IN_GROUP,
        shown_issues=SHOWN_ISSUES,
        cut=_cut,
    )


def _cut(post: CheckedPost) -> str:
    text = post.text
    return text if len(text) <= MAX_TEXT else text[:MAX_TEXT] + " …"


def _bars(counts: Iterable[tuple[str, int]], posts: int) -> list[Bar]:
    pairs = list(counts)
    longest = max((count for _, count in pairs), default=0) or 1
    return [Bar(name, count, count / longest, count / posts) for name, count in pairs]


def _spoken(languages: Mapping[str, int], most: int = 8) -> list[tuple[str, int]]:
    named = [(code, count) for code, count in languages.items() if code != UNKNOWN]
    rest = sum(count for _, count in named[most:])
    told = named[:most] + ([("others", rest)] if rest else [])
    return [*told, ("cannot be told", languages.get(UNKNOWN, 0))]


def _together(checked: Checked) -> list[tuple[str, list[int]]]:
    """How often each category comes with each urgency; empty where there are no urgencies, or too many categories."""
    names, levels = checked.taxonomy.category_names, checked.taxonomy.urgency_names
    if len(names) > _MAX_BARS:
        return []
    counts = Counter((post.labelled.category, post.labelled.urgency) for post in checked.posts)
    return [(name, [counts[name, level] for level in levels]) for name in names] if levels else []


def _histogram(tokens: npt.NDArray[np.int64]) -> list[Bar]:
    """Posts by their number of tokens."""
    width = max(1, -(-int(tokens.max()) // _BINS))
    counts = np.bincount(np.maximum(tokens - 1, 0) // width, minlength=1).tolist()
    named = ((f"{index * width + 1}–{(index + 1) * width}", count) for index, count in enumerate(counts))
    return _bars(named, len(tokens))


def _confusions(checked: Checked) -> list[tuple[str, str, str, int]]:
    """Which label is doubted in favour of which, most often first."""
    counts = Counter(
        (issue.target, issue.given, issue.suggested)
        for search in checked.searches
        for issue in search.issues
        if not issue.known
    )
    return [(*names, count) for names, count in counts.most_common(12)]
