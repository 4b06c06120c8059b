"""What the embedded model's card says of it is what the harness finds, and it passes what comes with a fresh clone."""

from __future__ import annotations

import pytest

from earshot.bundle import Bundle
from eval.evaluation import Resampling
from eval.results import EvaluationResults
from eval.run import Request, run
from eval.suite import data_roots

HOW = (
    "judge the embedded model and write its card: `earshot eval run --suite S -o runs/S` for S in benchmark, smoke, "
    "behaviour and robustness, then `earshot eval card --model earshot/models/default --results runs/benchmark "
    "runs/smoke runs/behaviour runs/robustness -o model_card.md`"
)
PROCESSORS_DIFFER_BY = 0.01
"""An int8 graph sums a little differently on a processor without VNNI; a few posts in a thousand may flip."""


@pytest.fixture(scope="module", params=["smoke", "behaviour", "robustness"])
def judged(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> EvaluationResults:
    suite = str(request.param)
    return run(
        Request(
            model="default",
            suite=suite,
            output=tmp_path_factory.mktemp("runs") / suite,
            data_roots=data_roots(None),
            columns={},
            skip_bad_rows=False,
            resampling=Resampling(resamples=100),
            command="",
        )
    )


def test_the_embedded_model_passes(judged: EvaluationResults) -> None:
    failed = [f"{gate.name}: {gate.says}" for gate in judged.gates if gate.required and gate.verdict != "pass"]
    assert judged.verdict == "pass", failed


def test_the_card_says_what_is_found(judged: EvaluationResults) -> None:
    (found,) = judged.summaries()
    said = [one for one in Bundle.load().manifest.evaluation if (one.suite, one.slice) == (found.suite, found.slice)]
    assert said, HOW
    assert (said[0].n, said[0].data_sha256) == (found.n, found.data_sha256), HOW
    expected = {figure.metric: figure.value for figure in said[0].figures}
    for metric in ("macro_f1", "urgency_quadratic_kappa", "pass_rate"):
        values = {figure.metric: figure.value for figure in found.figures}
        if metric in values:
            assert values[metric] == pytest.approx(expected[metric], abs=PROCESSORS_DIFFER_BY), HOW
