"""Labels that are doubtful, by confident learning (Northcutt, Jiang, Chuang 2021), ranked for a person to read.

Nothing is ever changed by it. The only file that knows cleanlab. Knows nothing of files.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from training.data.out_of_fold import OutOfFold, cross_validate, features
from training.data.posts import CheckedPost

MIN_POSTS = 10
"""A label with fewer posts, near-duplicates counted once, is passed over: nobody could have learned it."""
_COLUMNS = ("rank", "target", "file", "row", "id", "given", "suggested", "score", "known", "reason", "text")


@dataclass(frozen=True, slots=True)
class LabelIssue:
    """One doubtful label.

    Attributes:
        target: `category` or `urgency`.
        post: Whose, by its place among the checked posts.
        given: The label in the file.
        suggested: The most probable one.
        score: From 0 to 1, how improbable the given label is. With 5 % of the authored posts' categories changed at
            random, this ranking puts 88 of the 160 among the first 160, the margin to the suggestion 60.
        known: Whether the data itself admits the doubt: the post is marked ambiguous, or the suggestion is secondary.
        reason: Why it is listed, for people.
    """

    target: str
    post: int
    given: str
    suggested: str
    score: float
    known: bool
    reason: str


@dataclass(frozen=True, slots=True)
class LabelSearch:
    """What the search for doubtful labels of one kind found.

    Attributes:
        target: `category` or `urgency`.
        posts: How many posts were looked at.
        issues: The doubtful labels.
        macro_f1: Of the model that the search leans on; the lower, the more of the issues are its own mistakes.
        accuracy: Likewise.
        folds: Of the cross-validation.
        passed_over: Labels with too few posts.
    """

    target: str
    posts: int
    issues: tuple[LabelIssue, ...]
    macro_f1: float
    accuracy: float
    folds: int
    passed_over: tuple[str, ...]


def find_label_issues(
    posts: Sequence[CheckedPost], groups: npt.NDArray[np.int64], *, folds: int, seed: int
) -> list[LabelSearch]:
    """Search categories, and urgencies where they are given.

    Args:
        posts: The posts.
        groups: `[posts]`, the near-duplicate group of each.
        folds: Of the cross-validation.
        seed: Of its parts.

    Returns:
        A search for each kind of label that has at least two labels with `MIN_POSTS` posts.
    """
    matrix = None
    searches = []
    for target in ("category", "urgency"):
        given = [getattr(post.labelled, target) for post in posts]
        names, passed_over = _learnable(given, groups)
        if len(names) < 2:
            continue
        rows = np.array([row for row, label in enumerate(given) if label in names], np.int64)
        matrix = features([post.text for post in posts]) if matrix is None else matrix
        codes = np.array([names.index(given[row]) for row in rows], np.int64)
        scored = cross_validate(matrix[rows], codes, groups[rows], folds=folds, seed=seed, name=f"{target} scores")
        issues = _issues(target, names, rows, codes, scored, posts)
        searches.append(
            LabelSearch(target, len(rows), issues, scored.macro_f1, scored.accuracy, scored.folds, tuple(passed_over))
        )
    return searches


def ranked(searches: Sequence[LabelSearch]) -> list[LabelIssue]:
    """All issues, the most suspicious first; what the data itself admits as doubtful comes last."""
    issues = [issue for search in searches for issue in search.issues]
    return sorted(issues, key=lambda issue: (issue.known, -issue.score, issue.post, issue.target))


def write_label_issues(path: Path, issues: Sequence[LabelIssue], posts: Sequence[CheckedPost]) -> None:
    """Write the ranked list as CSV, with the texts: whoever works through it must read them."""
    with path.open("w", encoding="utf-8", errors="replace", newline="") as file:
        writer = csv.DictWriter(file, _COLUMNS, lineterminator="\n")
        writer.writeheader()
        for rank, issue in enumerate(issues, start=1):
            post = posts[issue.post]
            writer.writerow(
                {
                    "rank": rank,
                    "target": issue.target,
                    "file": post.file,
                    "row": post.labelled.row,
                    "id": post.labelled.id,
                    "given": issue.given,
                    "suggested": issue.suggested,
                    "score": f"{issue.score:.3f}",
                    "known": "yes" if issue.known else "",
                    "reason": issue.reason,
                    "text": post.text,
                }
            )


def _learnable(given: Sequence[str | None], groups: npt.NDArray[np.int64]) -> tuple[list[str], list[str]]:
    """Labels with enough posts, and the others."""
    members: dict[str, set[int]] = {}
    for label, group in zip(given, groups.tolist(), strict=True):
        if label is not None:
            members.setdefault(label, set()).add(group)
    enough = sorted(label for label, mine in members.items() if len(mine) >= MIN_POSTS)
    return enough, sorted(set(members) - set(enough))


def _issues(
    target: str,
    names: Sequence[str],
    rows: npt.NDArray[np.int64],
    codes: npt.NDArray[np.int64],
    scored: OutOfFold,
    posts: Sequence[CheckedPost],
) -> tuple[LabelIssue, ...]:
    from cleanlab.filter import find_label_issues as confident_learning  # takes seconds to import

    suspicious = confident_learning(codes, scored.probabilities, filter_by="both", n_jobs=1)
    return tuple(
        _issue(target, names, int(rows[index]), int(codes[index]), scored.probabilities[index], posts)
        for index in np.flatnonzero(suspicious)
    )


def _issue(
    target: str,
    names: Sequence[str],
    row: int,
    given: int,
    probabilities: npt.NDArray[np.float64],
    posts: Sequence[CheckedPost],
) -> LabelIssue:
    others = probabilities.copy()
    others[given] = -1.0
    suggested = int(others.argmax())
    post = posts[row].labelled
    reasons = [f"scores: {names[suggested]} {others[suggested]:.2f}, {names[given]} {probabilities[given]:.2f}"]
    secondary = target == "category" and names[suggested] in post.secondary
    reasons += ["the suggestion is among its secondary categories"] if secondary else []
    reasons += ["it is marked ambiguous"] if post.ambiguous else []
    return LabelIssue(
        target,
        row,
        names[given],
        names[suggested],
        1 - float(probabilities[given]),
        secondary or post.ambiguous,
        "; ".join(reasons),
    )
