"""`earshot data check`, composed: read, compare, measure, search, weigh, and write it all down.

Knows nothing of how a figure is found, nor of how the report looks.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from earshot.errors import EarshotError
from earshot.taxonomy import Taxonomy
from training.data.check_report import render_report
from training.data.duplicates import Likeness
from training.data.findings import Checked, Finding
from training.data.label_issues import find_label_issues, ranked, write_label_issues
from training.data.languages import languages
from training.data.lengths import measure
from training.data.posts import CheckedFile, read_checked

SCHEMA_VERSION = 1
QUANTILES = (0.5, 0.9, 0.99, 1.0)


@dataclass(frozen=True, slots=True)
class Request:
    """What to check, and how.

    Attributes:
        files: Labelled data.
        against: Labelled data that must share no post with it, such as a benchmark.
        taxonomy: The labels that may occur.
        columns: Our name of a column to the files' own name.
        similarity: Jaccard similarity of word 3-grams from which two posts are near-duplicates.
        tokenizer: Of the model that is to be trained.
        max_tokens: What that model would read of a post.
        max_characters: Likewise.
        language: ISO 639-1 code of what the posts should be in.
        label_issues: Whether to search for doubtful labels, which takes longest.
        folds: Of the cross-validation behind that search.
        seed: Of its parts.
        command: For the record.
    """

    files: tuple[Path, ...]
    against: tuple[Path, ...]
    taxonomy: Taxonomy
    columns: Mapping[str, str]
    similarity: float
    tokenizer: Path
    max_tokens: int
    max_characters: int
    language: str
    label_issues: bool
    folds: int
    seed: int
    command: str


def check(request: Request) -> Checked:
    """Carry the check out; nothing is written.

    Raises:
        DataError: A file cannot be read, lacks a column, or holds no usable row at all.
    """
    posts, files = read_checked(request.files, request.taxonomy, request.columns)
    kept_apart, kept_apart_files = read_checked(request.against, request.taxonomy, request.columns)
    texts = [post.text for post in posts]
    likeness = Likeness(texts + [post.text for post in kept_apart], request.similarity)
    groups = likeness.groups[: len(posts)]
    searches = find_label_issues(posts, groups, folds=request.folds, seed=request.seed) if request.label_issues else []
    return Checked(
        taxonomy=request.taxonomy,
        files=files,
        kept_apart_files=kept_apart_files,
        posts=posts,
        kept_apart=kept_apart,
        copies=_among(len(posts), likeness.copies()),
        near_duplicates=_among(len(posts), likeness.near_duplicates()),
        leaks=likeness.leaks(len(posts)),
        lengths=measure(texts, request.tokenizer, request.max_tokens, request.max_characters),
        languages=languages(texts),
        language=request.language,
        searches=searches,
    )


def _among(count: int, groups: Sequence[Sequence[int]]) -> list[list[int]]:
    """Of groups of rows, those with two or more among the first `count`, and only these rows of them."""
    mine = [[row for row in rows if row < count] for rows in groups]
    return [rows for rows in mine if len(rows) > 1]


def write(request: Request, checked: Checked, findings: Sequence[Finding], folder: Path) -> dict[str, Any]:
    """Write `check.json` (no texts), `report.html` and `label_issues.csv` (both with texts).

    Returns:
        What `check.json` holds.

    Raises:
        EarshotError: The folder cannot be written to.
    """
    content = results(request, checked, findings)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "check.json").write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        write_label_issues(folder / "label_issues.csv", ranked(checked.searches), checked.posts)
        report = render_report(content, checked, findings)
        (folder / "report.html").write_text(report, encoding="utf-8", errors="replace")
    except OSError as error:
        raise EarshotError(f"cannot write to {folder}: {error.strerror}") from error
    return content


def passed(findings: Sequence[Finding]) -> bool:
    """Whether no error was found."""
    return all(finding.severity != "error" for finding in findings)


def results(request: Request, checked: Checked, findings: Sequence[Finding]) -> dict[str, Any]:
    """Everything that was found, as `check.json` holds it: rows by file and number, never a text."""
    posts = checked.posts

    def place(row: int) -> dict[str, Any]:
        labelled = posts[row].labelled
        return {
            "file": posts[row].file,
            "row": labelled.row,
            "id": labelled.id,
            "category": labelled.category,
            "urgency": labelled.urgency,
        }

    def groups(found: Sequence[Sequence[int]]) -> list[list[dict[str, Any]]]:
        return [[place(row) for row in rows] for rows in found]

    return {
        "schema_version": SCHEMA_VERSION,
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": request.command,
        "passed": passed(findings),
        "settings": {
            "taxonomy": checked.taxonomy.name,
            "similarity": request.similarity,
            "tokenizer": request.tokenizer.name,
            "max_tokens": request.max_tokens,
            "max_characters": request.max_characters,
            "language": request.language,
            "folds": request.folds,
            "seed": request.seed,
        },
        "files": [_file(file) for file in checked.files],
        "against": [_file(file) for file in checked.kept_apart_files],
        "posts": len(posts),
        "findings": [asdict(finding) for finding in findings],
        "categories": _counts(checked.taxonomy.category_names, [post.labelled.category for post in posts]),
        "urgencies": _counts(checked.taxonomy.urgency_names, [post.labelled.urgency for post in posts]),
        "ambiguous": sum(post.labelled.ambiguous for post in posts),
        "leaks": [
            place(leak.row) | {"similarity": round(leak.similarity, 3), "other": checked.kept_apart[leak.other].place}
            for leak in checked.leaks
        ],
        "contradicting_copies": groups(checked.contradicting_copies),
        "differing_near_duplicates": groups(checked.differing_near_duplicates),
        "copies": groups(checked.copies),
        "near_duplicates": groups(checked.near_duplicates),
        "tokens": _quantiles(checked.lengths.tokens),
        "characters": _quantiles(checked.lengths.characters),
        "truncated": int(np.count_nonzero(checked.lengths.truncated)),
        "languages": dict(Counter(checked.languages).most_common()),
        "foreign": [place(row) | {"language": checked.languages[row]} for row in checked.foreign],
        "no_words": [place(row) for row in checked.wordless],
        "label_search": [
            {
                "target": search.target,
                "posts": search.posts,
                "issues": len(search.issues),
                "known": sum(issue.known for issue in search.issues),
                "macro_f1": round(search.macro_f1, 4),
                "accuracy": round(search.accuracy, 4),
                "folds": search.folds,
                "passed_over": list(search.passed_over),
            }
            for search in checked.searches
        ],
    }


def _file(file: CheckedFile) -> dict[str, Any]:
    return {
        "name": file.name,
        "sha256": file.sha256,
        "usable_rows": file.usable,
        "problems": [asdict(problem) for problem in file.problems],
    }


def _counts(names: Sequence[str], given: Sequence[str | None]) -> dict[str, int]:
    counts = Counter(given)
    return {name: counts[name] for name in names}


def _quantiles(values: npt.NDArray[np.int64]) -> dict[str, int]:
    """How long the posts are that are longer than this share of them."""
    return {f"{share:g}": int(np.quantile(values, share)) for share in QUANTILES}
