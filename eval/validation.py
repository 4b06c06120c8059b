"""Is it usable? Suites, behaviour tests and results, looked at without judging a model."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path

from earshot.records import read_labelled
from earshot.taxonomy import Taxonomy
from eval.behaviour import read_checks
from eval.recording import Recording
from eval.results import RESULTS, read_results
from eval.robustness import perturbed
from eval.suite import Suite, open_suite, shipped_suites


def validated(name: str, roots: Sequence[Path]) -> str:
    """Check one thing, by what it is.

    Args:
        name: A suite's name or file, a file or folder of behaviour tests, or an evaluation's folder.
        roots: Where suites' data may lie.

    Returns:
        What it is and holds, in a line.

    Raises:
        EarshotError: It cannot be used; the text says why.
    """
    path = Path(name)
    if name in shipped_suites():
        return _suite(name, roots)
    if (path / RESULTS).is_file():
        return _results(path)
    if path.is_dir() or _holds_tests(path):
        return _behaviour(path)
    return _suite(name, roots)


def _holds_tests(path: Path) -> bool:
    try:
        return path.suffix.lower() == ".toml" and "capability" in tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False


def _results(folder: Path) -> str:
    results = read_results(folder)
    if not results.slices:
        return f"results on {results.suite.name}"
    recording = Recording.read(folder)
    return f"results on {results.suite.name}, {len(recording.records):,} posts recorded"


def _behaviour(path: Path) -> str:
    checks = read_checks(path, Taxonomy.default())
    return f"{len(checks):,} behaviour tests, {sum(len(check.cases) for check in checks):,} cases"


def _suite(name: str, roots: Sequence[Path]) -> str:
    suite, path = open_suite(name, roots)
    gates = f", {len(suite.gates)} gates" if suite.gates else ""
    if suite.kind == "behaviour":
        return f"suite '{suite.name}': {_behaviour(path)}{gates}"
    posts = _posts(suite, path)
    return f"suite '{suite.name}': {posts:,} posts of {path.name}{gates}"


def _posts(suite: Suite, path: Path) -> int:
    """The posts that would be judged, by the default taxonomy; a suite for another one is only looked for."""
    data = read_labelled(path, Taxonomy.default(), columns=suite.columns)
    posts = data.posts[:: suite.every]
    if suite.kind == "robustness":
        perturbed(posts, suite.perturbations)
    return len(posts)
