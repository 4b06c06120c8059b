"""What must stay out of the repository; asked of the tracked files, so it needs git and a checkout."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("EARSHOT_DATA", ROOT.parent / "shared" / "data")) / "posts"

PIECE = 50
"""Characters of a post that are looked for."""
MAX_BYTES = 30 * 1024 * 1024
# In pieces, or this file would hold what it forbids.
REGISTRY_HOSTS = ("python" + "hosted.", "py" + "pi.o", "npm" + "js.", "deb." + "debian", "torch.org" + "/whl")

pytestmark = pytest.mark.skipif(not (ROOT / ".git").exists(), reason="not a git checkout")


def git(*arguments: str) -> list[str]:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr  # 1: git grep found nothing
    return [name for name in done.stdout.split("\0") if name]


def tracked_files() -> list[str]:
    return [name for name in git("ls-files", "-z") if (ROOT / name).is_file()]


def test_no_file_names_the_host_of_a_package_registry() -> None:
    patterns = [argument for host in REGISTRY_HOSTS for argument in ("-e", host)]
    assert git("grep", "-z", "-I", "-l", "-F", "-i", *patterns) == []


def test_no_file_is_heavier_than_30_mb() -> None:
    assert [name for name in tracked_files() if (ROOT / name).stat().st_size > MAX_BYTES] == []


@pytest.mark.skipif(not DATA.is_dir(), reason=f"no third-party posts at {DATA} (EARSHOT_DATA names another folder)")
def test_no_file_holds_the_text_of_a_third_partys_post() -> None:
    # `git grep -F -f` takes half a minute for as many pieces; looking each window of a file up takes a second.
    pieces = third_party_pieces()
    assert [name for name in tracked_files() if holds(ROOT / name, pieces)] == []


def holds(path: Path, pieces: set[str]) -> bool:
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return False  # a graph, a picture
    return any(text[start : start + PIECE] in pieces for start in range(len(text)))


def third_party_pieces() -> set[str]:
    """A piece of each long post that the project did not write; what JSON or CSV would escape is left out."""
    pieces = set()
    for path in DATA.glob("*.jsonl"):
        for line in path.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            piece = row["text"][5 : 5 + PIECE]
            if row.get("licence") != "project" and len(row["text"]) >= 60 and not set(piece) & set('"\\\n\r'):
                pieces.add(piece)
    return pieces
