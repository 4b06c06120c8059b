"""Replaces what stands between two marks of a page. Knows nothing of figures."""

from __future__ import annotations

from pathlib import Path


def replace_between(page: Path, begin: str, end: str, content: str) -> None:
    """Put content between two marks, in place of what is there.

    Args:
        page: Holds both marks.
        begin: The first.
        end: The second.
        content: Without the marks.
    """
    text = page.read_text(encoding="utf-8")
    before, _, rest = text.partition(begin)
    _, _, after = rest.partition(end)
    page.write_text(f"{before}{begin}\n{content}\n{end}{after}", encoding="utf-8")
