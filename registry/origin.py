"""Where something comes from: the commit of the working copy."""

from __future__ import annotations

import shutil
import subprocess


def git_commit() -> str | None:
    """The commit of the working copy that this is called in, with `+` where it holds changes; None outside of one."""
    git = shutil.which("git")
    if git is None:
        return None
    said = [
        subprocess.run([git, *words], capture_output=True, text=True, check=False)  # noqa: S603  # our own words
        for words in (("rev-parse", "HEAD"), ("status", "--porcelain", "--untracked-files=no"))
    ]
    if any(answer.returncode for answer in said):
        return None
    commit, changes = (answer.stdout.strip() for answer in said)
    return commit + ("+" if changes else "")
