"""What the check found, weighed: what is an error, what a warning, what merely a note. Knows nothing of files' layout.

An error is what makes a training or a judgement wrong: rows that cannot be used, posts shared with data that must be
kept apart, copies of one post with different categories, fewer than two categories. Everything else is for a person.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from earshot.screening import screen
from earshot.taxonomy import Taxonomy
from training.data.duplicates import Leak
from training.data.label_issues import LabelSearch
from training.data.languages import UNKNOWN
from training.data.lengths import Lengths
from training.data.posts import CheckedFile, CheckedPost

Severity = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")

FEW_POSTS = 30
"""Of a label; with fewer, neither its training nor its figures mean much."""
LARGE_IMBALANCE = 20
"""Posts of the most frequent label for one of the rarest, from which it is worth a warning."""
MANY_TRUNCATED = 0.02
MANY_FOREIGN = 0.01
MANY_NEAR_DUPLICATES = 0.02


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was found.

    Attributes:
        severity: How bad it is.
        code: A stable word for programs.
        count: Of what it is about.
        says: What was found, in a sentence.
        advice: What to do about it.
    """

    severity: Severity
    code: str
    count: int
    says: str
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Checked:
    """All that was measured.

    Attributes:
        taxonomy: The labels that may occur.
        files: The files that were checked.
        kept_apart_files: The files that they must share no post with.
        posts: The checked posts.
        kept_apart: The posts that they must not share.
        copies: Places in `posts` with the very same text.
        near_duplicates: Places in `posts` that are alike, copies among them.
        leaks: Posts shared with `kept_apart`.
        lengths: Of the posts.
        languages: Of the posts.
        language: What they should be in.
        searches: Of doubtful labels.
    """

    taxonomy: Taxonomy
    files: list[CheckedFile]
    kept_apart_files: list[CheckedFile]
    posts: list[CheckedPost]
    kept_apart: list[CheckedPost]
    copies: list[list[int]]
    near_duplicates: list[list[int]]
    leaks: list[Leak]
    lengths: Lengths
    languages: list[str]
    language: str
    searches: list[LabelSearch]

    def category(self, row: int) -> str:
        """A post's category."""
        return self.posts[row].labelled.category

    def urgency(self, row: int) -> str | None:
        """A post's urgency."""
        return self.posts[row].labelled.urgency

    def is_settled(self, row: int) -> bool:
        """Whether nobody marked the post as one that careful readers differ on."""
        return not self.posts[row].labelled.ambiguous

    @property
    def contradicting_copies(self) -> list[list[int]]:
        """Copies with different categories, none of the differing ones marked ambiguous."""
        return [rows for rows in self.copies if _differ([row for row in rows if self.is_settled(row)], self.category)]

    @property
    def differing_near_duplicates(self) -> list[list[int]]:
        """Near-duplicates (copies among them) with different categories or urgencies, whoever is marked ambiguous."""
        return [rows for rows in self.near_duplicates if _differ(rows, self.category) or _differ(rows, self.urgency)]

    @property
    def foreign(self) -> list[int]:
        """Posts in another language than they should be."""
        return [row for row, code in enumerate(self.languages) if code not in (self.language, UNKNOWN)]

    @property
    def wordless(self) -> list[int]:
        """Posts in which nothing but handles, links, punctuation or emoji is left."""
        found = [(row, screen(post.text, (self.language,))) for row, post in enumerate(self.posts)]
        return [row for row, said in found if said.blank or "empty" in said.reasons]


def _differ(rows: Sequence[int], label: Callable[[int], str | None]) -> bool:
    return len({label(row) for row in rows} - {None}) > 1


def weigh(checked: Checked) -> list[Finding]:
    """Weigh what was found, the worst first."""
    found = [
        finding
        for look in (_unusable, _leaks, _copies, _balance, _doubtful_labels, _lengths, _languages, _unlabelled)
        for finding in look(checked)
    ]
    return sorted(found, key=lambda finding: SEVERITIES.index(finding.severity))


def _unusable(checked: Checked) -> Iterator[Finding]:
    bad = sum(len({problem.row for problem in file.problems}) for file in checked.files)
    if bad:
        yield Finding(
            "error",
            "unusable-rows",
            bad,
            f"Rows that cannot be used: {bad:,}.",
            "Correct them; a training stops at them, or goes on without them by --skip-bad-rows.",
        )
    names = Counter((post.file, post.labelled.id) for post in checked.posts if post.labelled.id is not None)
    repeated = sum(count > 1 for count in names.values())
    if repeated:
        yield Finding("warning", "repeated-ids", repeated, f"Ids that stand in one file more than once: {repeated:,}.")


def _leaks(checked: Checked) -> Iterator[Finding]:
    if checked.leaks:
        same = sum(checked.posts[leak.row].text == checked.kept_apart[leak.other].text for leak in checked.leaks)
        yield Finding(
            "error",
            "leakage",
            len(checked.leaks),
            f"Posts that stand also in the data to be kept apart: {len(checked.leaks):,} ({same:,} word for word).",
            "Take them out of one side: figures on posts that were trained on say nothing.",
        )


def _copies(checked: Checked) -> Iterator[Finding]:
    contradicting = len(checked.contradicting_copies)
    if contradicting:
        yield Finding(
            "error",
            "contradicting-copies",
            contradicting,
            f"Texts that stand there several times with different categories: {contradicting:,}.",
            "Decide on one category, or mark the post ambiguous.",
        )
    differing = len(checked.differing_near_duplicates)
    if differing:
        yield Finding(
            "warning",
            "differing-near-duplicates",
            differing,
            f"Groups of near-duplicates that differ in category or urgency: {differing:,}.",
            "Read each group side by side; a different word may well be the reason, a slip as well.",
        )
    extra = sum(len(rows) - 1 for rows in checked.copies)
    if extra:
        yield Finding("warning", "copies", extra, f"Copies of another post: {extra:,}.", "One of each is enough.")
    alike = sum(len(rows) - 1 for rows in checked.near_duplicates) - extra
    if alike > 0:
        many = alike >= MANY_NEAR_DUPLICATES * len(checked.posts)
        yield Finding(
            "warning" if many else "note",
            "near-duplicates",
            alike,
            f"Near-duplicates of another post: {alike:,}.",
            "A training keeps them on one side of its validation split.",
        )


def _balance(checked: Checked) -> Iterator[Finding]:
    labels = (
        ("category", checked.taxonomy.category_names, [post.labelled.category for post in checked.posts]),
        ("urgency", checked.taxonomy.urgency_names, [post.labelled.urgency for post in checked.posts]),
    )
    for target, names, given in labels:
        counts = Counter(label for label in given if label is not None)
        if target == "category" and len(counts) < 2:
            yield Finding("error", "one-category", 1, "All posts have the same category: there is nothing to learn.")
        elif counts:
            yield from _imbalance(target, {name: counts[name] for name in names})


def _imbalance(target: str, counts: dict[str, int]) -> Iterator[Finding]:
    absent = [name for name, count in counts.items() if not count]
    few = [f"{name} ({count})" for name, count in counts.items() if 0 < count < FEW_POSTS]
    if absent:
        yield Finding("warning", f"absent-{target}", len(absent), f"No post at all has the {target} {_list(absent)}.")
    if few:
        says = f"Fewer than {FEW_POSTS} posts have the {target} {_list(few)}."
        yield Finding("warning", f"rare-{target}", len(few), says, "Label more of them.")
    present = [count for count in counts.values() if count]
    ratio = max(present) / min(present)
    if ratio >= LARGE_IMBALANCE:
        says = f"The most frequent {target} has {ratio:,.0f} posts for one of the rarest."
        advice = "Try class weights (loss.class_weights=balanced)." if target == "category" else ""
        yield Finding("warning", f"imbalanced-{target}", round(ratio), says, advice)


def _list(names: Sequence[str], most: int = 8) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _doubtful_labels(checked: Checked) -> Iterator[Finding]:
    for search in checked.searches:
        issues = [issue for issue in search.issues if not issue.known]
        if issues:
            share = len(issues) / search.posts
            yield Finding(
                "warning",
                f"doubtful-{search.target}",
                len(issues),
                f"Posts whose {search.target} is worth a second look: {len(issues):,} ({share:.1%}), by a simple model "
                f"with an out-of-fold macro-F1 of {search.macro_f1:.2f}, its own mistakes included.",
                "Work through label_issues.csv from the top for as long as it pays; nothing is changed by itself.",
            )
        if search.passed_over:
            yield Finding(
                "note",
                f"unsearched-{search.target}",
                len(search.passed_over),
                f"Too few posts to search for doubtful labels: {_list(search.passed_over)}.",
            )


def _lengths(checked: Checked) -> Iterator[Finding]:
    truncated = int(np.count_nonzero(checked.lengths.truncated))
    if truncated:
        share = truncated / len(checked.posts)
        yield Finding(
            "warning" if share >= MANY_TRUNCATED else "note",
            "truncated",
            truncated,
            f"Posts whose end would not be read at {checked.lengths.max_tokens} tokens: {truncated:,} ({share:.1%}).",
            "Raise model.max_tokens if what matters comes late." if share >= MANY_TRUNCATED else "",
        )


def _languages(checked: Checked) -> Iterator[Finding]:
    foreign = checked.foreign
    if foreign:
        share = len(foreign) / len(checked.posts)
        counts = Counter(checked.languages[row] for row in foreign)
        which = _list([f"{code} ({count})" for code, count in counts.most_common()])
        yield Finding(
            "warning" if share >= MANY_FOREIGN else "note",
            "foreign-language",
            len(foreign),
            f"Posts in another language than '{checked.language}': {len(foreign):,} ({share:.1%}), {which}.",
        )
    wordless = len(checked.wordless)
    if wordless:
        yield Finding(
            "warning",
            "no-words",
            wordless,
            f"Posts without words, but for handles, links, punctuation or emoji: {wordless:,}.",
            "A service sends such posts to a person whatever the model says.",
        )


def _unlabelled(checked: Checked) -> Iterator[Finding]:
    if not checked.taxonomy.urgencies:
        return
    without = sum(post.labelled.urgency is None for post in checked.posts)
    if without:
        says = f"Posts without urgency: {without:,}."
        yield Finding("note", "no-urgency", without, says, "A training passes them over when it learns urgency.")
