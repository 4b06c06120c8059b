from __future__ import annotations

from pathlib import Path

import mlflow
import pytest

from earshot.__main__ import main
from eval.results import RESULTS, read_results
from tests.eval.data import rows, write_jsonl


def test_an_evaluation_is_logged_with_its_figures_and_digests_and_no_text(
    tmp_path: Path, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write_jsonl(tmp_path / "posts.jsonl", rows())
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.chdir(tmp_path)
    output = tmp_path / "out"
    with pytest.raises(SystemExit) as stopped:
        main(["eval", "run", "--model", str(tiny_folder), "--suite", str(data), "-o", str(output), "--track"])
    assert stopped.value.code == 0
    run_id = capsys.readouterr().out.split("logged to MLflow as run ")[1].split()[0]
    client = mlflow.MlflowClient(tracking_uri=uri)
    run = client.get_run(run_id)
    found = read_results(output)
    macro_f1 = found.find("macro_f1")
    assert macro_f1 is not None
    assert run.data.metrics["unambiguous/macro_f1"] == pytest.approx(macro_f1.value)
    assert run.data.tags["model.digest"] == found.model.digest
    assert run.data.tags["data.sha256"] == found.data.sha256
    names = {artifact.path for artifact in client.list_artifacts(run_id)}
    assert RESULTS in names
    assert "report.html" not in names
