"""Holds a challenger to a suite's gates and to the champion, with the evaluation harness. Knows nothing of MLflow."""

from __future__ import annotations

import shlex
import tempfile
from dataclasses import dataclass
from pathlib import Path

from earshot.errors import EarshotError
from eval.comparison import COMPARISON, compare
from eval.comparison_files import write_comparison
from eval.evaluation import Resampling
from eval.gates import needs_champion
from eval.results import JUNIT, REPORT, RESULTS, SUMMARY, EvaluationResults
from eval.run import Request, run
from eval.verdict import overall
from registry.promotion import Ruling, Say
from registry.reference import Reference
from registry.store import Registered, Registry


@dataclass(frozen=True, slots=True)
class SuiteJudge:
    """Judges by one suite.

    Attributes:
        registry: Where the bundles come from.
        suite: A shipped suite's name, a suite file, or a labelled data file.
        output: The folder to leave the results in, by version and `comparison`.
        data_roots: Where suites' data may lie.
        cache: The folder that keeps predictions: a champion is judged again at each promotion, but asked once.
        say: Told what is going on, a line at a time.
    """

    registry: Registry
    suite: str
    output: Path
    data_roots: tuple[Path, ...]
    cache: Path
    say: Say

    def __call__(self, champion: Registered | None, challenger: Registered) -> Ruling:
        """Judge both on the same posts, and compare.

        A champion whose bundle is damaged or gone cannot be compared with: that is no verdict for its challenger.
        """
        judged = self._judge(challenger)
        folder = self._folder(challenger)
        suite = f"{judged.suite.name} (sha256:{judged.data.sha256[:12]}, n = {judged.primary.n:,})"
        files = [folder / name for name in (RESULTS, REPORT, SUMMARY, JUNIT)]
        if champion is None:
            verdict = overall(judged.gates, judged.problems) or "pass"
            asked = [f"{outcome.name}: {outcome.says}" for outcome in judged.gates if outcome.verdict != "pass"]
            without = [f"{name}: there is no champion to compare with" for name in needs_champion(judged.suite.gates)]
            return Ruling(verdict, (*map(str, judged.problems), *asked, *without), suite, tuple(files))
        try:
            self._judge(champion)
        except EarshotError as error:
            said = f"the champion, version {champion.number}, cannot be judged: {error}"
            return Ruling("cannot judge", (said,), suite, tuple(files))
        found = compare(self._folder(champion), folder)
        write_comparison(found, self.output / "comparison")
        files += [self.output / "comparison" / COMPARISON]
        return Ruling(found.verdict, found.reasons, suite, tuple(files))

    def _folder(self, version: Registered) -> Path:
        return self.output / f"version-{version.number}"

    def _judge(self, version: Registered) -> EvaluationResults:
        self.say(f"judging version {version.number} ({version.bundle}) on {self.suite}")
        reference = Reference(self.registry.name, number=version.number)
        with tempfile.TemporaryDirectory() as place:
            bundle = self.registry.pull(reference, Path(place) / "bundle")
            return run(
                Request(
                    model=str(bundle.folder),
                    suite=self.suite,
                    output=self._folder(version),
                    data_roots=self.data_roots,
                    columns={},
                    skip_bad_rows=False,
                    resampling=Resampling(),
                    command=shlex.join(["earshot", "eval", "run", "--model", str(reference), "--suite", self.suite]),
                    cache=self.cache,
                )
            )
