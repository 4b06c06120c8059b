"""Evaluation results into a bundle: its manifest and its model card say what was found, and on what."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from earshot.bundle import Bundle
from earshot.model_card import render_card
from eval.errors import ResultsError
from eval.results import EvaluationResults, read_results


def update_card(bundle: Bundle, folders: Sequence[Path]) -> str:
    """Replace a bundle's evaluation by that of results, and render its card again.

    Args:
        bundle: The bundle that was judged; its digest stays.
        folders: Folders with results, in the order in which the card shall show them.

    Returns:
        The new model card.

    Raises:
        ResultsError: A folder holds no results, or those of another bundle, and nothing is written; or the
            bundle cannot be written to.
    """
    summaries = [summary for folder in folders for summary in _results_of(bundle, folder).summaries()]
    card = render_card(bundle.manifest.model_copy(update={"evaluation": tuple(summaries)}))
    try:
        bundle.update_card(card, summaries)
    except OSError as error:
        raise ResultsError(f"cannot write to {bundle.folder}: {error.strerror}") from error
    return card


def _results_of(bundle: Bundle, folder: Path) -> EvaluationResults:
    results = read_results(folder)
    if results.model.digest != bundle.identity.digest:
        raise ResultsError(
            f"{folder} judged {results.model.name} {results.model.version} ({results.model.digest[:19]}…), "
            f"not the bundle {bundle.folder} ({bundle.identity.digest[:19]}…): run the evaluation on this bundle"
        )
    return results
