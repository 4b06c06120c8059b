"""Register a bundle: logged as a pyfunc with its signature, an example and its origin, then proved to say the same."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
import warnings
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import mlflow
import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, DataType, Schema
from mlflow.types.schema import Array

import earshot
from earshot.bundle import Bundle
from earshot.pipeline import Pipeline
from earshot.post import Post, Prediction
from registry.errors import RegistryError
from registry.origin import git_commit
from registry.reference import CHALLENGER, Reference
from registry.store import BUNDLE, Registered, Registry

EXPERIMENT = "earshot"
_NEEDED = ("click", "numpy", "onnxruntime", "pandas", "pydantic", "tokenizers", "tqdm")
"""What the core and the pyfunc import; the core itself travels with the model, since no index holds it."""
_TOLERANCE = 1e-6
_EXAMPLES = ("I was charged twice for the same order", "My account was taken over and I can't log in")

SIGNATURE = ModelSignature(
    inputs=Schema([ColSpec(DataType.string, "text"), ColSpec(DataType.string, "id", required=False)]),
    outputs=Schema(
        [
            ColSpec(DataType.string, "predicted_category"),
            ColSpec(DataType.double, "confidence"),
            ColSpec(DataType.string, "scores"),
            ColSpec(Array(DataType.string), "predicted_secondary"),
            ColSpec(DataType.string, "predicted_urgency"),
            ColSpec(DataType.string, "urgency_scores"),
            ColSpec(DataType.string, "route"),
            ColSpec(DataType.boolean, "needs_review"),
            ColSpec(Array(DataType.string), "review_reasons"),
            ColSpec(DataType.boolean, "truncated"),
            ColSpec(DataType.string, "error"),
        ]
    ),
)


def push(bundle: Bundle, registry: Registry, say: Callable[[str], None]) -> Registered:
    """Register a bundle as the newest version, the challenger.

    Args:
        bundle: A verified bundle.
        registry: Where.
        say: Told what is going on, a line at a time.

    Raises:
        RegistryError: MLflow cannot be reached or refuses, or what was logged does not say the same; then the version
            is not the challenger.
    """
    say(f"logging {bundle.identity.name} {bundle.identity.version} ({bundle.identity.digest}) to {registry.uri}")
    model_uri = _log(bundle, registry)
    version = registry.register(model_uri, bundle, _tags(bundle))
    say(f"registered as models:/{registry.name}/{version.number}; checking that it says the same")
    _check(bundle, registry, version)
    registry.move(CHALLENGER, version)
    return registry.find(Reference(registry.name, number=version.number))


def _log(bundle: Bundle, registry: Registry) -> str:
    with tempfile.TemporaryDirectory() as place, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow's dependencies warn of each other
        folder = Path(place) / BUNDLE
        shutil.copytree(bundle.folder, folder, ignore=shutil.ignore_patterns(".*"))
        try:
            mlflow.set_tracking_uri(registry.uri)
            mlflow.set_registry_uri(registry.uri)
            mlflow.set_experiment(EXPERIMENT)
            with mlflow.start_run(run_name=f"push {bundle.identity.name} {bundle.identity.version}"):
                logged = mlflow.pyfunc.log_model(
                    name=registry.name,
                    python_model=str(Path(__file__).with_name("pyfunc.py")),
                    artifacts={BUNDLE: str(folder)},
                    code_paths=[str(_core(Path(place)))],
                    signature=SIGNATURE,
                    input_example=pd.DataFrame({"text": list(_EXAMPLES)}),
                    pip_requirements=[f"{name}=={metadata.version(name)}" for name in _NEEDED],
                )
        except (MlflowException, OSError) as error:
            raise RegistryError(f"MLflow at {registry.uri} (--tracking-uri) takes no model: {error}") from error
    return str(logged.model_uri)


def _core(place: Path) -> Path:
    """A copy of the core's code, without the embedded model."""
    source = Path(earshot.__file__).parent
    return Path(shutil.copytree(source, place / "earshot", ignore=shutil.ignore_patterns("models", "__pycache__")))


def _tags(bundle: Bundle) -> dict[str, str]:
    """Where the bundle comes from and how good it is, to be read without opening it."""
    manifest = bundle.manifest
    tags = {
        "earshot.taxonomy": json.dumps(
            {"categories": manifest.taxonomy.category_names, "urgencies": manifest.taxonomy.urgency_names}
        ),
        "earshot.base_model": manifest.base_model.id,
        "earshot.precision": manifest.precision,
        "earshot.data": json.dumps({data.name: data.sha256 for data in manifest.training.data}),
        "earshot.command": manifest.training.command,
    }
    if commit := git_commit():
        tags["earshot.git_commit"] = commit
    for summary in manifest.evaluation:
        for figure in summary.figures:
            said = f"{figure.value:.4f} ({figure.low:.4f} to {figure.high:.4f}, n = {summary.n})"
            tags[_tag_name(f"earshot.{summary.suite}.{figure.metric}")] = said
    return {name: value for name, value in tags.items() if value}


def _tag_name(name: str) -> str:
    """As MLflow takes it: `recall[leak]` becomes `recall.leak`."""
    return re.sub(r"[^\w. /-]+", ".", name).strip(".")


def _check(bundle: Bundle, registry: Registry, version: Registered) -> None:
    """Load what was logged as anybody would, and compare its answers with the bundle's own."""
    posts = [Post(golden.text) for golden in bundle.manifest.golden] + [Post(text) for text in _EXAMPLES]
    with Pipeline(bundle, threads=1) as pipeline:
        ours = pipeline.predict(posts)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            loaded = mlflow.pyfunc.load_model(f"models:/{registry.name}/{version.number}")
            theirs = loaded.predict(pd.DataFrame({"text": [post.text for post in posts]}))
        except (MlflowException, OSError) as error:
            raise RegistryError(f"models:/{registry.name}/{version.number} cannot be loaded again: {error}") from error
    for ours_of_post, (_, row) in zip(ours, theirs.iterrows(), strict=True):
        if isinstance(ours_of_post, Prediction):
            scores = json.loads(row["scores"])
            same = max(abs(scores[name] - score) for name, score in ours_of_post.scores.items()) <= _TOLERANCE
        else:
            same = bool(row["error"])
        if not same:
            raise RegistryError(
                f"models:/{registry.name}/{version.number} does not say what {bundle.folder} says: it was registered, "
                "but is not the challenger; push again, and report it if that does not help"
            )
