"""What people corrected, as labelled posts: of each post the latest word, and where people disagree.

Knows nothing of the database that the corrections come from.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from earshot.feedback import KeptCorrection, digest_of
from earshot.lazy_rows import Row
from earshot.tables import read_table, require_columns
from earshot.taxonomy import Taxonomy

SOURCE = "feedback"


@dataclass(frozen=True, slots=True)
class Conflict:
    """A post on which people disagree.

    Attributes:
        words: What each said last, the latest at the end: that one counts.
        on_category: Whether they disagree on the category, and not just on secondary ones or the urgency.
    """

    words: tuple[KeptCorrection, ...]
    on_category: bool

    def as_row(self, text: str | None) -> Row:
        """The disagreement, to be looked at by a person."""
        return {
            "text": text,
            "text_sha256": self.words[-1].correction.text_sha256,
            "on_category": self.on_category,
            "words": [
                {
                    "id": word.id,
                    "reviewer": word.correction.reviewer,
                    "created_at": word.received_at.isoformat(),
                    "category": word.correction.corrected.category,
                    "secondary": list(word.correction.corrected.secondary),
                    "urgency": word.correction.corrected.urgency,
                    "note": word.correction.note,
                }
                for word in self.words
            ],
        }


@dataclass(frozen=True, slots=True)
class Harvest:
    """What came of the corrections.

    Attributes:
        rows: Labelled posts, in the order in which each was first corrected.
        conflicts: Posts on which people disagree, as rows; they are among `rows` too.
        corrections: How many corrections there were.
        without_text: Posts that were given by their digest, and whose text is not known.
        other_taxonomy: Corrections with labels that the taxonomy lacks, by the taxonomy that they were made in.
    """

    rows: list[Row]
    conflicts: list[Row]
    corrections: int
    without_text: int
    other_taxonomy: dict[str, int]


def harvest(corrections: Iterable[KeptCorrection], taxonomy: Taxonomy, texts: Mapping[str, str]) -> Harvest:
    """Make labelled posts of corrections.

    Of each person the latest word counts, and of these again the latest. Where the category is in dispute, the row is
    marked `ambiguous`. Who gave no name is somebody else each time.

    Args:
        corrections: In the order in which they came.
        taxonomy: The labels that may occur.
        texts: Texts of posts, by `digest_of`, for corrections that came without.
    """
    by_post: dict[str, list[KeptCorrection]] = {}
    found = dict(texts)
    other: Counter[str] = Counter()
    count = 0
    for kept in corrections:
        count += 1
        said = kept.correction
        if said.text is not None:
            found[said.text_sha256] = said.text
        if _fits(kept, taxonomy):
            by_post.setdefault(said.text_sha256, []).append(kept)
        else:
            other[said.taxonomy] += 1
    rows: list[Row] = []
    conflicts: list[Row] = []
    for digest, words in by_post.items():
        conflict = _conflict(words)
        text = found.get(digest)
        if conflict is not None:
            conflicts.append(conflict.as_row(text))
        if text is not None:
            rows.append(_row(words[-1], text, ambiguous=conflict is not None and conflict.on_category))
    return Harvest(rows, conflicts, count, len(by_post) - len(rows), dict(sorted(other.items())))


def read_texts(files: Sequence[Path], columns: Mapping[str, str]) -> dict[str, str]:
    """Read the texts of posts, by `digest_of`.

    Args:
        files: JSONL, CSV or Parquet with `text`.
        columns: Our name of a column to the files' own name.

    Raises:
        DataError: A file cannot be read, or has no `text`.
    """
    texts = {}
    for path in files:
        table = read_table(path, columns=columns)
        require_columns(table, ("text",))
        for _, row in table.rows:
            text = row.get("text")
            if isinstance(text, str):
                texts[digest_of(text)] = text
    return texts


def _fits(kept: KeptCorrection, taxonomy: Taxonomy) -> bool:
    said = kept.correction.corrected
    known = {said.category, *said.secondary} <= set(taxonomy.category_names)
    return known and said.urgency in (None, *taxonomy.urgency_names)


def _conflict(words: Sequence[KeptCorrection]) -> Conflict | None:
    last = {(word.correction.caller, word.correction.reviewer or word.id): word for word in words}
    said = {_labels(word) for word in last.values()}
    if len(said) == 1:
        return None
    by_time = tuple(word for word in words if word in last.values())
    return Conflict(by_time, on_category=len({category for category, _, _ in said}) > 1)


def _labels(word: KeptCorrection) -> tuple[str, frozenset[str], str | None]:
    said = word.correction.corrected
    return said.category, frozenset(said.secondary), said.urgency


def _row(kept: KeptCorrection, text: str, *, ambiguous: bool) -> dict[str, Any]:
    said = kept.correction
    predicted = said.predicted
    return {
        "id": said.post_id or kept.id,
        "text": text,
        "category": said.corrected.category,
        "secondary": list(said.corrected.secondary),
        "urgency": said.corrected.urgency,
        "ambiguous": ambiguous,
        "source": SOURCE,
        "created_at": kept.received_at.isoformat(),
        "feedback_id": kept.id,
        "reviewer": said.reviewer,
        "caller": said.caller,
        "note": said.note,
        "taxonomy": said.taxonomy,
        "model_digest": predicted.model_digest,
        "predicted_category": predicted.labels.category,
        "predicted_secondary": list(predicted.labels.secondary),
        "predicted_urgency": predicted.labels.urgency,
        "predicted_confidence": predicted.confidence,
    }
