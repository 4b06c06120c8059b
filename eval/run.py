"""One evaluation, start to end: suite → data → predictions → judgement → files."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from earshot.backend import ONNX
from earshot.post import Post
from earshot.predictor import Predictor
from earshot.records import LabelledData, read_labelled
from eval.behaviour import Check, digest_of_files, read_checks
from eval.checks import JudgedCase, check_groups, check_results, judge_checks, posts_of
from eval.evaluation import INTERVAL_METHOD, Findings, Resampling, definitions, judge
from eval.gates import judge_gates
from eval.junit import junit
from eval.markdown import results_summary
from eval.output_folder import check_output, write_output
from eval.predictors import predict_with_progress, without_credentials
from eval.report import render_report
from eval.results import (
    JUNIT,
    PREDICTIONS,
    REPORT,
    RESULTS,
    SUMMARY,
    CheckResult,
    DataInfo,
    EvaluationResults,
    ModelInfo,
    SpeedResult,
    SuiteInfo,
)
from eval.robustness import perturbed, with_accuracies
from eval.samples import Sample
from eval.speed import measure
from eval.suite import Kind, Suite, open_suite
from eval.targets import open_target
from eval.verdict import Problem, problem

_PACKAGES = ("earshot", "numpy", "onnxruntime", "scikit-learn", "scipy", "tokenizers")


@dataclass(frozen=True, slots=True)
class Request:
    """What to evaluate.

    Attributes:
        model: What is judged; see `eval.targets.open_target`.
        suite: A shipped suite's name, a suite file, or a labelled data file.
        output: The folder to write.
        data_roots: Where suites' data may lie.
        columns: Our column name to the file's own.
        skip_bad_rows: Leave unusable rows out instead of refusing the file.
        resampling: How intervals are made.
        command: What was typed.
        backend: What runs a bundle's network.
        cache: The folder that keeps predictions for the next run; None keeps none.
    """

    model: str
    suite: str
    output: Path
    data_roots: tuple[Path, ...]
    columns: Mapping[str, str]
    skip_bad_rows: bool
    resampling: Resampling
    command: str
    backend: str = ONNX
    cache: Path | None = None


@dataclass(frozen=True, slots=True)
class Judgement:
    """What judging a suite gave, whatever its kind.

    Attributes:
        data: The file that was judged on.
        problems: What is wrong with it, or with the answers.
        findings: On labelled posts; None where there are none.
        cases: Of behaviour tests.
        checks: What became of each behaviour test.
        records: The lines of `predictions.jsonl`.
        speed: Of a speed suite.
    """

    data: DataInfo
    problems: tuple[Problem, ...]
    records: bytes
    findings: Findings | None = None
    cases: tuple[JudgedCase, ...] = ()
    checks: tuple[CheckResult, ...] = ()
    speed: SpeedResult | None = None


def run(request: Request) -> EvaluationResults:
    """Carry out an evaluation and write its files.

    Raises:
        EarshotError: It cannot be carried out; then nothing is written.
    """
    check_output(request.output, RESULTS)
    suite, path = open_suite(request.suite, request.data_roots)
    # What is kept answers at once: a cache would be timed instead of the model.
    cache = None if suite.kind == "speed" else request.cache
    with open_target(request.model, request.backend, cache=cache) as target:
        judgement = _JUDGES[suite.kind](request, suite, path, target.predictor)
        judgement = replace(judgement, problems=(*judgement.problems, *target.problems()))
        results = _results(request, suite, target.predictor, judgement)
    write_output(
        request.output,
        {
            PREDICTIONS: judgement.records,
            REPORT: render_report(
                results, judgement.findings.primary if judgement.findings else (), judgement.cases
            ).encode("utf-8", "replace"),
            SUMMARY: results_summary(results).encode(),
            JUNIT: junit(
                f"{results.model.name} {results.model.version} on {suite.name}", results.gates, results.problems
            ),
            # Last: a folder with results is a folder whose other files are there.
            RESULTS: (results.model_dump_json(indent=1) + "\n").encode(),
        },
    )
    target.finished()
    return results


def _judge_labels(request: Request, suite: Suite, path: Path, predictor: Predictor) -> Judgement:
    data = _labelled(request, suite, path, predictor)
    posts = data.posts[:: suite.every]
    judged = predict_with_progress(predictor, [Post(post.text, post.id) for post in posts])
    samples = [Sample(post, result) for post, result in zip(posts, judged, strict=True)]
    findings = judge(samples, suite, predictor.taxonomy, request.resampling)
    return Judgement(
        data=_data_info(suite, data),
        problems=tuple(_problems(suite, data)),
        records=recorded(samples, findings.membership),
        findings=findings,
    )


def _judge_behaviour(request: Request, suite: Suite, path: Path, predictor: Predictor) -> Judgement:
    checks = read_checks(path, predictor.taxonomy)
    cases = _judge_cases(checks, predictor)
    info = DataInfo(name=path.name, sha256=digest_of_files(path), posts=len(cases), judged=len(cases), skipped_rows=0)
    level = request.resampling.confidence_level
    return Judgement(
        data=info,
        problems=(),
        records=_lines(case.as_record() for case in cases),
        cases=tuple(cases),
        checks=check_results(cases, level),
    )


def _judge_robustness(request: Request, suite: Suite, path: Path, predictor: Predictor) -> Judgement:
    data = _labelled(request, suite, path, predictor)
    posts = data.posts[:: suite.every]
    cases = _judge_cases(perturbed(posts, suite.perturbations), predictor)
    level = request.resampling.confidence_level
    checks = tuple(
        with_accuracies(found, [case for case in cases if case.check.name == found.name], posts, level)
        for found in check_results(cases, level)
    )
    return Judgement(
        data=_data_info(suite, data),
        problems=tuple(_problems(suite, data)),
        records=_lines(case.as_record() for case in cases),
        cases=tuple(cases),
        checks=checks,
    )


def _judge_speed(request: Request, suite: Suite, path: Path, predictor: Predictor) -> Judgement:
    data = _labelled(request, suite, path, predictor)
    resampling = request.resampling
    posts = [Post(post.text) for post in data.posts[:: suite.every]]
    speed = measure(predictor, posts, seed=resampling.seed, confidence_level=resampling.confidence_level)
    return Judgement(_data_info(suite, data), tuple(_problems(suite, data)), b"", speed=speed)


_JUDGES: Mapping[Kind, Callable[[Request, Suite, Path, Predictor], Judgement]] = {
    "labels": _judge_labels,
    "behaviour": _judge_behaviour,
    "robustness": _judge_robustness,
    "speed": _judge_speed,
}


def _labelled(request: Request, suite: Suite, path: Path, predictor: Predictor) -> LabelledData:
    columns = suite.columns | dict(request.columns)
    return read_labelled(path, predictor.taxonomy, columns=columns, skip_bad_rows=request.skip_bad_rows)


def _judge_cases(checks: Sequence[Check], predictor: Predictor) -> list[JudgedCase]:
    posts = posts_of(checks)
    results = predict_with_progress(predictor, posts)
    said = {post.text: result for post, result in zip(posts, results, strict=True)}
    return judge_checks(checks, said, predictor.taxonomy)


def _data_info(suite: Suite, data: LabelledData) -> DataInfo:
    return DataInfo(
        name=data.path.name,
        sha256=data.sha256,
        posts=len(data.posts),
        judged=len(data.posts[:: suite.every]),
        skipped_rows=len({one.row for one in data.problems}),
    )


def _problems(suite: Suite, data: LabelledData) -> list[Problem]:
    """What is wrong with the data; rows that were knowingly left out matter where a gate is to judge all of them."""
    counts = Counter(post.id for post in data.posts if post.id is not None)
    says = f"{data.path.name} holds {{count}} ids more than once: give every post an id of its own"
    found = problem("duplicate-id", says, (name for name, count in counts.items() if count > 1))
    if suite.gates:
        left_out = dict.fromkeys(f"row {one.row}" for one in data.problems)
        says = f"{{count}} unusable rows of {data.path.name} were left out: mend them"
        found += problem("skipped-row", says, left_out)
    return found


def recorded(samples: Sequence[Sample], membership: Sequence[Sequence[str]]) -> bytes:
    """The content of `predictions.jsonl`.

    Args:
        samples: The judged posts.
        membership: The names of the slices and groups that each belongs to.
    """
    return _lines(sample.as_record(names) for sample, names in zip(samples, membership, strict=True))


def _lines(records: Iterable[Mapping[str, object]]) -> bytes:
    return "".join(json.dumps(record) + "\n" for record in records).encode()


def _results(request: Request, suite: Suite, predictor: Predictor, judgement: Judgement) -> EvaluationResults:
    resampling, identity, findings = request.resampling, predictor.identity, judgement.findings
    found = EvaluationResults(
        model=ModelInfo(
            name=identity.name,
            version=identity.version,
            digest=identity.digest,
            target=without_credentials(request.model),
            taxonomy=predictor.taxonomy,
        ),
        suite=SuiteInfo(
            name=suite.name,
            description=suite.description,
            licence=suite.licence,
            evaluation_only=suite.evaluation_only,
            every=suite.every,
            gates=tuple(suite.gates),
        ),
        data=judgement.data,
        seed=resampling.seed,
        resamples=resampling.resamples,
        confidence_level=resampling.confidence_level,
        interval_method=INTERVAL_METHOD,
        definitions=definitions(),
        command=request.command,
        packages={name: metadata.version(name) for name in _PACKAGES},
        created_at=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        slices=findings.slices if findings else (),
        groups=findings.groups if findings else (),
        problems=judgement.problems,
        check_groups=check_groups(judgement.cases, resampling.confidence_level) if judgement.cases else (),
        checks=judgement.checks,
        weak_slices=findings.weak_slices if findings else None,
        speed=judgement.speed,
    )
    return found.model_copy(update={"gates": judge_gates(suite.gates, found)})
