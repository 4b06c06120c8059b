"""The bundle: a folder that holds all that a prediction needs and nothing else, verified when it is loaded.

```
BUNDLE/
  manifest.json    what it is, how to read the outputs, the SHA-256 of each other file
  model.onnx       token ids in, logits out
  tokenizer.json
  model_card.md
```

Knows nothing of training, transport or evaluation; they exchange bundles.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from earshot.calibration import Calibration
from earshot.decision import Thresholds
from earshot.errors import BundleError, BundleIntegrityError, BundleVersionError
from earshot.post import Rejection, Result
from earshot.predictor import ModelIdentity
from earshot.reference import Reference
from earshot.taxonomy import Taxonomy
from earshot.tokenization import Tokenizer

SCHEMA_VERSION: Literal[1] = 1
DEFAULT = "default"
"""The name of the embedded bundle wherever a folder may be named."""

MANIFEST = "manifest.json"
GRAPH = "model.onnx"
TOKENIZER = "tokenizer.json"
MODEL_CARD = "model_card.md"
REQUIRED_FILES = (GRAPH, TOKENIZER, MODEL_CARD)

_FILE_NAME = re.compile(r"\w[\w.-]*")

GOLDEN_TOLERANCE = 0.05
"""Largest difference of a golden score that other processors' arithmetic may make; a wrong file makes far more."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class BaseModelInfo(_Frozen):
    """Where the weights started from.

    Attributes:
        id: Hugging Face id, package name or folder name; or the method, for a model trained from nothing.
        licence: SPDX identifier.
        sha256: Of the weights that training started from.
    """

    id: str
    licence: str
    sha256: str | None = None


class Limits(_Frozen):
    """What the model can read.

    Attributes:
        max_tokens: Token ids per post, special tokens included.
        max_characters: Characters per post after normalization.
        languages: ISO 639-1 codes of the training data.
    """

    max_tokens: int = Field(ge=3)
    max_characters: int = Field(ge=1)
    languages: tuple[str, ...] = ("en",)


class FileInfo(_Frozen):
    """One file of the bundle.

    Attributes:
        sha256: Of its bytes, hexadecimal.
        size: In bytes.
    """

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    size: int = Field(ge=0)


class Golden(_Frozen):
    """A made-up post with the scores that the bundle gave when it was written.

    Attributes:
        text: The post.
        scores: Probability of each category, in the taxonomy's order.
        urgency_scores: Probability of each urgency, lowest first; empty without urgencies.
    """

    text: str
    scores: tuple[float, ...]
    urgency_scores: tuple[float, ...] = ()


class TrainingData(_Frozen):
    """One file that the model was trained on.

    Attributes:
        name: File name, without folders.
        sha256: Of the whole file.
        rows: Rows that were used.
        skipped_rows: Unusable rows that were left out.
        licences: Rows per licence, as far as the file says.
    """

    name: str
    sha256: str
    rows: int
    skipped_rows: int = 0
    licences: dict[str, int] = {}


class TrainingInfo(_Frozen):
    """How the bundle came to be.

    Attributes:
        data: The files that it was trained on.
        seed: Of everything random.
        config: The whole training configuration.
        validation: Figures on the validation split, which also chose calibration and thresholds.
        parity: Largest and typical differences between the exported graphs.
        packages: Versions of the libraries that mattered.
        command: What was typed.
        teachers: The bundles whose scores it learned from besides labels.
    """

    data: tuple[TrainingData, ...]
    seed: int
    config: dict[str, Any]
    validation: dict[str, float]
    parity: dict[str, float]
    packages: dict[str, str]
    command: str
    teachers: tuple[ModelIdentity, ...] = ()


class Figure(_Frozen):
    """One figure of an evaluation, with its interval.

    Attributes:
        metric: Such as `macro_f1`.
        value: The figure.
        low: Lower end of the interval.
        high: Upper end of the interval.
    """

    metric: str
    value: float
    low: float
    high: float


class EvaluationSummary(_Frozen):
    """What an evaluation found, for the model card and `GET /v1/model`.

    Attributes:
        suite: The suite's name.
        data_sha256: Of the judged data file.
        n: Posts judged.
        slice: Which of the file's posts.
        confidence_level: Of the intervals, such as 0.95.
        seed: Of the bootstrap.
        command: What was typed.
        figures: The figures.
    """

    suite: str
    data_sha256: str
    n: int
    slice: str
    confidence_level: float
    seed: int
    command: str
    figures: tuple[Figure, ...]


class Manifest(_Frozen):
    """What `manifest.json` holds.

    A key that this version does not know is refused rather than ignored, since what it does not know could
    change predictions; whoever adds a key raises `SCHEMA_VERSION`.

    Attributes:
        schema_version: Of the manifest's own layout.
        name: The model's name.
        version: The model's version.
        created_at: When it was written, ISO 8601, UTC.
        architecture: `encoder` for a fine-tuned transformer, `tfidf` for the linear baseline.
        precision: Numbers in the graph, and its form: `packed-int8` and `packed-fp32` run many posts at once,
            `int8-rowwise` and `fp32` are padded and run each by itself.
        taxonomy: Labels in the order of the graph's outputs.
        base_model: Where the weights started from.
        limits: What the model can read.
        calibration: Logits to probabilities.
        thresholds: Probabilities to decisions.
        golden: Posts whose scores are checked when the bundle is loaded.
        training: How it came to be.
        files: Every other file of the bundle.
        evaluation: What evaluations found; not part of the digest.
        reference: What it says of posts like those it was trained on; not part of the digest.
    """

    schema_version: Literal[1] = SCHEMA_VERSION
    name: str = Field(min_length=1)
    version: str = Field(min_length=1)
    created_at: str
    architecture: Literal["encoder", "tfidf"]
    precision: Literal["fp32", "int8-rowwise", "packed-fp32", "packed-int8"]
    taxonomy: Taxonomy
    base_model: BaseModelInfo
    limits: Limits
    calibration: Calibration
    thresholds: Thresholds
    golden: tuple[Golden, ...]
    training: TrainingInfo
    files: dict[str, FileInfo]
    evaluation: tuple[EvaluationSummary, ...] = ()
    reference: Reference | None = None

    @property
    def digest(self) -> str:
        """`sha256:` over all that a prediction depends on.

        Left out are the evaluation, the reference and the model card: they are written after the model, from results
        that name this digest.
        """
        content = self.model_dump(mode="json", exclude={"evaluation", "reference"})
        content["files"].pop(MODEL_CARD, None)
        # Came later: where there is none, a bundle of before keeps its digest.
        if not self.training.teachers:
            del content["training"]["teachers"]
        canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return "sha256:" + hashlib.sha256(canonical.encode()).hexdigest()


def file_info(path: Path) -> FileInfo:
    """Hash one file, without reading it into memory at once."""
    with path.open("rb") as file:
        return FileInfo(sha256=hashlib.file_digest(file, "sha256").hexdigest(), size=path.stat().st_size)


def embedded_bundle() -> Path:
    """The folder of the bundle that comes with the package."""
    return Path(str(resources.files("earshot") / "models" / "default"))


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle whose files are what its manifest says.

    Attributes:
        folder: Where it lies.
        manifest: What it is.
    """

    folder: Path
    manifest: Manifest

    @property
    def graph_path(self) -> Path:
        """The ONNX graph."""
        return self.folder / GRAPH

    @property
    def tokenizer_path(self) -> Path:
        """The tokenizer's definition."""
        return self.folder / TOKENIZER

    def tokenizer(self) -> Tokenizer:
        """The tokenizer, within the bundle's limits.

        Raises:
            BundleIntegrityError: Its file is no tokenizer.
        """
        limits = self.manifest.limits
        return Tokenizer.load(self.tokenizer_path, max_tokens=limits.max_tokens, max_characters=limits.max_characters)

    @property
    def identity(self) -> ModelIdentity:
        """Name, version and digest."""
        return ModelIdentity(self.manifest.name, self.manifest.version, self.manifest.digest)

    @classmethod
    def load(cls, folder: str | Path = DEFAULT) -> Bundle:
        """Read a bundle and verify every file's hash.

        Args:
            folder: A bundle folder, or `default` for the embedded one.

        Raises:
            BundleVersionError: The manifest's schema is newer (or other) than this version reads.
            BundleIntegrityError: A file is missing, superfluous, or not what the manifest says. Hidden files
                (`.gitattributes`, `.DS_Store`) are passed over.
            BundleError: There is no bundle.
        """
        embedded = str(folder) == DEFAULT
        path = embedded_bundle() if embedded else Path(folder)
        if embedded and not path.is_dir():
            raise BundleError(f"this installation has no embedded bundle ({path}): name a bundle folder by --model")
        manifest = _read_manifest(path)
        for name in REQUIRED_FILES:
            if name not in manifest.files:
                raise BundleIntegrityError(f"{path / MANIFEST} lists no {name}: write the bundle again")
        for name, expected in manifest.files.items():
            _verify(path, name, expected)
        stray = sorted(
            entry.name
            for entry in path.iterdir()
            if entry.name not in (MANIFEST, *manifest.files) and not entry.name.startswith(".")
        )
        if stray:
            raise BundleIntegrityError(
                f"{path} holds what its {MANIFEST} does not list: {', '.join(stray)}; move it out of the bundle"
            )
        return cls(path, manifest)

    @classmethod
    def write(cls, folder: Path, manifest: Manifest, files: Mapping[str, Path | bytes]) -> Bundle:
        """Write a bundle: all of it, or nothing.

        Args:
            folder: Where to; must not exist, be empty, or be a bundle, which is replaced. Whoever opens a bundle
                in the instant of its replacement finds none.
            manifest: Its `files` are filled in here.
            files: Content of each file other than the manifest, or where to copy it from.

        Returns:
            The bundle, read back and verified.

        Raises:
            BundleError: The folder holds something that is not a bundle, or what would be written is none.
        """
        check_output(folder)
        target = folder.resolve()  # through a link, so that the link stays
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(
            prefix=f".{target.name}.", dir=target.parent, ignore_cleanup_errors=True
        ) as workplace:
            staging = Path(workplace) / "new"
            staging.mkdir()
            try:
                _fill(staging, manifest, files)
                manifest = cls.load(staging).manifest
            except BundleError as error:
                raise BundleError(f"{folder} is not written, it could not be loaded: {error}") from error
            _swap(staging, target, Path(workplace) / "old")
        return cls(folder, manifest)

    def update_card(self, card: str, evaluation: Sequence[EvaluationSummary]) -> Bundle:
        """Put a new model card and evaluation into the bundle; its digest stays.

        Args:
            card: The new `model_card.md`.
            evaluation: The new evaluation summaries.

        Raises:
            BundleIntegrityError: A file was changed since the bundle was loaded.
        """
        return self._rewritten({"evaluation": tuple(evaluation)}, {MODEL_CARD: card.encode()})

    def with_reference(self, reference: Reference) -> Bundle:
        """Put into the bundle what it says of posts like those it was trained on; its digest stays.

        Raises:
            BundleIntegrityError: A file was changed since the bundle was loaded.
        """
        return self._rewritten({"reference": reference}, {})

    def _rewritten(self, changed: dict[str, object], content: Mapping[str, bytes]) -> Bundle:
        for name, expected in self.manifest.files.items():
            _verify(self.folder, name, expected)
        manifest = self.manifest.model_copy(update=changed)
        files: dict[str, Path | bytes] = {name: self.folder / name for name in manifest.files}
        return Bundle.write(self.folder, manifest, {**files, **content})

    def check_labels(self, categories: tuple[str, ...], urgencies: tuple[str, ...]) -> None:
        """Refuse a graph whose outputs are in another order than the manifest's labels.

        Raises:
            BundleIntegrityError: They are.
        """
        taxonomy = self.manifest.taxonomy
        for kind, said, listed in (
            ("categories", categories, taxonomy.category_names),
            ("urgencies", urgencies, taxonomy.urgency_names),
        ):
            if said != listed:
                raise BundleIntegrityError(
                    f"{self.graph_path} puts out the {kind} {list(said)}, {MANIFEST} says {list(listed)}: "
                    "the graph belongs to another bundle; write the bundle again"
                )

    def check_golden(self, results: Sequence[Result]) -> None:
        """Refuse a model that does not give its golden predictions.

        Args:
            results: What the loaded model says of the manifest's golden posts, in order.

        Raises:
            BundleIntegrityError: A score differs by more than `GOLDEN_TOLERANCE`.
        """
        for index, (golden, result) in enumerate(zip(self.manifest.golden, results, strict=True)):
            if isinstance(result, Rejection):
                raise BundleIntegrityError(f"{self.folder}: golden post {index} is rejected: {result.detail}")
            given = (*result.scores.values(), *result.urgency_scores.values())
            expected = (*golden.scores, *golden.urgency_scores)
            if len(given) != len(expected):
                raise BundleIntegrityError(
                    f"{self.folder}: golden post {index} has {len(expected)} scores, the model gives {len(given)}"
                )
            # In numpy, whose maximum is NaN as soon as one score is: Python's `max` may pass over it.
            difference = float(np.max(np.abs(np.subtract(given, expected))))
            if not difference <= GOLDEN_TOLERANCE:
                raise BundleIntegrityError(
                    f"{self.folder}: golden post {index} differs by {difference:.3f} from the manifest "
                    f"(at most {GOLDEN_TOLERANCE} is allowed): this machine or a file computes something else"
                )


def check_output(folder: Path) -> None:
    """Refuse to write a bundle over anything but a bundle.

    Raises:
        BundleError: The folder exists, is not empty and holds no manifest.
    """
    if folder.is_dir() and not (folder / MANIFEST).is_file() and any(folder.iterdir()):
        raise BundleError(f"{folder} exists and is no bundle: name another folder, or empty it")
    if folder.exists() and not folder.is_dir():
        raise BundleError(f"{folder} is a file: name a folder")


def _fill(folder: Path, manifest: Manifest, files: Mapping[str, Path | bytes]) -> None:
    for name, content in files.items():
        _check_name(folder, name)
        if isinstance(content, bytes):
            (folder / name).write_bytes(content)
        else:
            shutil.copyfile(content, folder / name)
    infos = {name: file_info(folder / name) for name in sorted(files)}
    manifest = manifest.model_copy(update={"files": infos})
    (folder / MANIFEST).write_text(manifest.model_dump_json(indent=1) + "\n", encoding="utf-8")


def _swap(new: Path, folder: Path, old: Path) -> None:
    """Put `new` in the folder's place and the folder at `old`; put it back when that fails."""
    if not folder.exists():
        new.rename(folder)
        return
    folder.rename(old)
    try:
        new.rename(folder)
    except BaseException:
        old.rename(folder)
        raise


def _read_manifest(folder: Path) -> Manifest:
    path = folder / MANIFEST
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BundleError(f"no bundle at {folder}: cannot read {path.name}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise BundleIntegrityError(f"{path} is not JSON: {error}") from error
    schema = content.get("schema_version") if isinstance(content, dict) else None
    if schema != SCHEMA_VERSION:
        newer = isinstance(schema, int) and schema > SCHEMA_VERSION
        advice = "upgrade earshot" if newer else "write the bundle again"
        raise BundleVersionError(f"{path} has schema_version {schema!r}, this version reads {SCHEMA_VERSION}: {advice}")
    try:
        return Manifest.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            raise BundleIntegrityError(f"{path}: unknown key {field}: another version of earshot wrote it") from error
        raise BundleIntegrityError(f"{path}: {field}: {first['msg']}") from error


def _verify(folder: Path, name: str, expected: FileInfo) -> None:
    _check_name(folder, name)
    path = folder / name
    try:
        found = file_info(path)
    except OSError as error:
        raise BundleIntegrityError(f"{path}: {error.strerror}; the bundle is not complete, copy it again") from error
    if found != expected:
        raise BundleIntegrityError(
            f"{path} was changed: SHA-256 {found.sha256[:12]}… instead of {expected.sha256[:12]}…; "
            "copy the bundle again"
        )


def _check_name(folder: Path, name: str) -> None:
    if not _FILE_NAME.fullmatch(name) or name == MANIFEST:
        raise BundleIntegrityError(f"{folder / MANIFEST} lists {name!r}, which is not the plain name of another file")
