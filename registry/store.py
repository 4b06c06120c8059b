"""The registered model in MLflow: versions, aliases, history, bundles in and out.

With `registry/pyfunc.py` the only file of this package that knows MLflow. Knows nothing of gates or of who may do what.
"""

from __future__ import annotations

import logging
import os
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # read at import; a registry calls nobody else
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")  # for files that are there in a second
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")

from mlflow import MlflowClient
from mlflow.artifacts import download_artifacts
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST, ErrorCode

from earshot.bundle import Bundle, check_output
from registry.errors import RegistryError, UnreachableError
from registry.history import Entry, Place, read_history
from registry.reference import Reference

MODEL = "earshot"
"""The registered model's usual name."""
BUNDLE = "bundle"
"""The artifact of a version that holds the bundle, within its model's `artifacts`."""

_TAG = "earshot."
_NAME, _VERSION, _DIGEST = f"{_TAG}name", f"{_TAG}version", f"{_TAG}digest"
_SERVER_ERROR = 500
_MISSING = ErrorCode.Name(RESOURCE_DOES_NOT_EXIST)


@dataclass(frozen=True, slots=True)
class Registered:
    """One version of the registered model.

    Attributes:
        number: Its number.
        bundle: Name and version of the bundle.
        digest: Of the bundle.
        created_at: When it was registered, ISO 8601, UTC.
        aliases: What points to it.
        run_id: The run that logged it.
        tags: Everything that was written on it.
    """

    number: int
    bundle: str
    digest: str
    created_at: str
    aliases: tuple[str, ...]
    run_id: str
    tags: dict[str, str]

    @property
    def place(self) -> Place:
        """How the history names it."""
        return Place(version=self.number, model=self.bundle, digest=self.digest)


class Registry:
    """One registered model.

    Args:
        uri: Of the MLflow tracking server, which is its registry too, or of its database.
        name: Of the registered model.

    Attributes:
        uri: As given.
        name: As given.
    """

    def __init__(self, uri: str, name: str = MODEL) -> None:
        self.uri = uri
        self.name = name
        for noisy in ("mlflow", "alembic"):
            logging.getLogger(noisy).setLevel(logging.WARNING)
        with self._reached():
            self._client = MlflowClient(tracking_uri=uri, registry_uri=uri)

    # Reading.

    def versions(self) -> list[Registered]:
        """All versions, newest first; none where nothing was registered yet."""
        with self._reached():
            found = self._client.search_model_versions(f"name = '{self.name}'", order_by=["version_number DESC"])
        aliases = self._aliases()
        return [self._registered(version, aliases) for version in found]

    def find(self, reference: Reference) -> Registered:
        """Look one version up.

        Raises:
            RegistryError: There is none.
        """
        version = self._version(reference)
        if version is None:
            raise RegistryError(f"{self.uri} holds no {reference}: 'earshot model show' lists what there is")
        return self._registered(version, self._aliases())

    def alias(self, alias: str) -> Registered | None:
        """The version that an alias points to, if any."""
        version = self._version(Reference(self.name, alias))
        return None if version is None else self._registered(version, self._aliases())

    def number_of(self, reference: Reference) -> int:
        """Which version is meant: the cheapest question, for who asks often.

        Raises:
            RegistryError: There is none, or the registry cannot be reached.
        """
        if reference.number is not None:
            return reference.number
        version = self._version(reference)
        if version is None:
            raise RegistryError(f"{self.uri} holds no {reference}")
        return int(version.version)

    def history(self) -> tuple[tuple[Entry, ...], tuple[str, ...]]:
        """What happened to the champion, oldest first, and the names of entries that cannot be read."""
        with self._reached():
            try:
                tags = self._client.get_registered_model(self.name).tags
            except MlflowException as error:
                if error.error_code == _MISSING:
                    return (), ()
                raise
        return read_history(tags)

    def pull(self, reference: Reference, folder: Path) -> Bundle:
        """Bring a version's bundle here.

        Args:
            reference: Which.
            folder: Where to; must not exist, be empty, or be a bundle, which is replaced.

        Returns:
            The bundle, verified against its own manifest and against what the registry says of it.

        Raises:
            RegistryError: There is none, or it is not the one that was registered.
            BundleError: What lies there is damaged.
        """
        check_output(folder)
        version = self.find(reference)
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as place:
            with self._reached():
                place_of_model = self._artifacts_of(version)
                downloaded = Path(
                    download_artifacts(
                        artifact_uri=f"{place_of_model}/artifacts/{BUNDLE}", dst_path=place, tracking_uri=self.uri
                    )
                )
            bundle = Bundle.load(downloaded)
            if bundle.manifest.digest != version.digest:
                raise RegistryError(
                    f"{self.uri}: models:/{self.name}/{version.number} holds the bundle {bundle.manifest.digest}, but "
                    f"{version.digest} was registered: somebody changed its artifacts; push the right bundle again"
                )
            files = {name: downloaded / name for name in bundle.manifest.files}
            return Bundle.write(folder, bundle.manifest, dict(files))

    # Writing.

    def register(self, model_uri: str, bundle: Bundle, tags: dict[str, str]) -> Registered:
        """Make a logged model a version.

        Args:
            model_uri: Of the logged model.
            bundle: What it holds.
            tags: What else to say of it.
        """
        identity = bundle.identity
        said = tags | {_NAME: identity.name, _VERSION: identity.version, _DIGEST: identity.digest}
        with self._reached():
            if not self._exists():
                self._client.create_registered_model(self.name)
            logged = self._client.get_logged_model(model_uri.removeprefix("models:/"))
            version = self._client.create_model_version(
                self.name, model_uri, run_id=logged.source_run_id, tags=said, model_id=logged.model_id
            )
        return self.find(Reference(self.name, number=int(version.version)))

    def move(self, alias: str, version: Registered) -> None:
        """Have an alias point to a version."""
        with self._reached():
            self._client.set_registered_model_alias(self.name, alias, str(version.number))

    def drop(self, alias: str) -> None:
        """Have an alias point to nothing."""
        with self._reached():
            self._client.delete_registered_model_alias(self.name, alias)

    def record(self, entry: Entry) -> None:
        """Append to the history."""
        with self._reached():
            self._client.set_registered_model_tag(self.name, *entry.tag())

    def attach(self, version: Registered, entry: Entry, files: Sequence[Path]) -> str:
        """Keep files about a step of the history with the version's run.

        Returns:
            Where they lie.
        """
        place = f"history/{entry.id}"
        with self._reached():
            for file in files:
                self._client.log_artifact(version.run_id, str(file), place)
        return f"runs:/{version.run_id}/{place}"

    # Within.

    def _artifacts_of(self, version: Registered) -> str:
        """Where a version's files lie. Not by its `models:/` URI: MLflow asks its own setting's registry for those."""
        model_id = self._client.get_model_version(self.name, str(version.number)).model_id
        if model_id:
            return str(self._client.get_logged_model(model_id).artifact_location)
        return str(self._client.get_model_version_download_uri(self.name, str(version.number)))

    def _exists(self) -> bool:
        try:
            self._client.get_registered_model(self.name)
        except MlflowException as error:
            if error.error_code == _MISSING:
                return False
            raise
        return True

    def _aliases(self) -> dict[str, str]:
        """Alias to version number, as the registered model says: versions that were searched for don't."""
        with self._reached():
            try:
                aliases: dict[str, str] = dict(self._client.get_registered_model(self.name).aliases)
            except MlflowException as error:
                if error.error_code == _MISSING:
                    return {}
                raise
        return aliases

    def _version(self, reference: Reference) -> ModelVersion | None:
        with self._reached():
            try:
                if reference.alias is not None:
                    return self._client.get_model_version_by_alias(reference.name, reference.alias)
                return self._client.get_model_version(reference.name, str(reference.number))
            except MlflowException as error:
                if error.error_code in (_MISSING, "INVALID_PARAMETER_VALUE"):
                    return None
                raise

    def _registered(self, version: ModelVersion, aliases: dict[str, str]) -> Registered:
        tags = dict(version.tags)
        return Registered(
            number=int(version.version),
            bundle=f"{tags.get(_NAME, '(not a bundle)')} {tags.get(_VERSION, '')}".strip(),
            digest=tags.get(_DIGEST, ""),
            created_at=datetime.fromtimestamp(version.creation_timestamp / 1000, UTC).isoformat(timespec="seconds"),
            aliases=tuple(sorted(alias for alias, number in aliases.items() if str(number) == str(version.version))),
            run_id=version.run_id or "",
            tags=tags,
        )

    @contextmanager
    def _reached(self) -> Iterator[None]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # MLflow's dependencies warn of each other
            try:
                yield
            except (MlflowException, OSError) as error:
                first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
                # Only what MLflow itself answered, and blames on the question, is an answer.
                answered = isinstance(error, MlflowException) and _status(error) < _SERVER_ERROR
                kind = RegistryError if answered else UnreachableError
                raise kind(f"MLflow at {self.uri} (--tracking-uri): {first}") from error


def _status(error: MlflowException) -> int:
    return int(error.get_http_status_code())  # type: ignore[no-untyped-call]  # MLflow's own
