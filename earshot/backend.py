"""What runs a bundle's network: onnxruntime, or another that is found through an entry point.

The core knows onnxruntime alone; PyTorch, the reference that it is compared with, is a plug that lives where torch may
be imported. Knows nothing of text or labels' meaning.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import metadata
from typing import Protocol

from earshot.bundle import Bundle
from earshot.errors import MissingExtraError, SessionError
from earshot.session import Ids, Logits, OnnxSession

ONNX = "onnx"
"""The backend that every bundle has."""
ENTRY_POINTS = "earshot.backends"


class Session(Protocol):
    """A network that is loaded."""

    @property
    def provider(self) -> str:
        """What it really runs on."""
        ...

    @property
    def threads(self) -> int:
        """How many runs go on at once."""
        ...

    def labels(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The categories and urgencies, in the order of the outputs."""
        ...

    def run(self, ids: Sequence[Ids]) -> Logits:
        """Run posts, at least one; none changes the scores of another."""
        ...

    def close(self) -> None:
        """Free its threads."""
        ...


def open_session(bundle: Bundle, backend: str = ONNX, *, threads: int | None = None) -> Session:
    """Load a bundle's network.

    Args:
        bundle: The bundle.
        backend: `onnx`, or the name of an entry point in `earshot.backends`, called with the bundle and the threads.
        threads: Runs that go on at once; by default the processors that this process may use.

    Raises:
        SessionError: There is no such backend, or it cannot run the bundle.
        MissingExtraError: The backend is not installed.
    """
    if backend == ONNX:
        return OnnxSession(bundle.graph_path, threads=threads)
    points = {point.name: point for point in metadata.entry_points(group=ENTRY_POINTS)}
    if backend not in points:
        raise SessionError(f"there is no backend '{backend}', only {', '.join(sorted({ONNX, *points}))}")
    point = points[backend]
    try:
        load = point.load()
    except ImportError as error:
        extra = point.module.partition(".")[0]
        raise MissingExtraError(f"the backend '{backend}' (which lacks {error.name})", extra) from error
    session: Session = load(bundle, threads)
    return session
