"""Token ids in, logits out, through onnxruntime. Knows nothing of text or labels.

A graph with the inputs `input_ids [tokens]` and `lengths [posts]` is packed: many posts share a run, without
padding and without changing each other's scores (`training/packed_graph.py`). Any other takes `input_ids
[posts, tokens]` and gets each post by itself, since padding and neighbours would change its scores. Several runs go
on at once, one thread each, which on a CPU is faster than one run on several threads.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime

from earshot.cpu import available_cpus, sums_products_exactly
from earshot.errors import SessionError
from earshot.packing import MAX_BATCH_TOKENS, Rows, batches

Float = npt.NDArray[np.float32]
Ids = npt.NDArray[np.int64]

INPUT_IDS = "input_ids"
LENGTHS = "lengths"
"""Input of a packed graph: tokens of each post."""

CATEGORY_LOGITS = "category_logits"
SECONDARY_LOGITS = "secondary_logits"
URGENCY_LOGITS = "urgency_logits"
CATEGORIES_KEY = "earshot.categories"
"""Graph metadata: the category names in output order, as a JSON list."""
URGENCIES_KEY = "earshot.urgencies"
"""Graph metadata: the urgency names from lowest to highest, as a JSON list."""


@dataclass(frozen=True, slots=True)
class Logits:
    """What the network says, before calibration.

    Attributes:
        category: `[posts, categories]`.
        secondary: `[posts, categories]`, one independent logit per category.
        urgency: `[posts, urgencies - 1]`, logit k of P(urgency > k given urgency > k - 1); None without urgencies.
    """

    category: Float
    secondary: Float
    urgency: Float | None

    def take(self, rows: npt.NDArray[np.int64]) -> Logits:
        """The logits of these posts, in their order."""
        urgency = None if self.urgency is None else self.urgency[rows]
        return Logits(self.category[rows], self.secondary[rows], urgency)

    @classmethod
    def joined(cls, parts: Sequence[Logits]) -> Logits:
        """The logits of several lots of posts, at least one, as those of one."""
        urgency = [part.urgency for part in parts if part.urgency is not None]
        return cls(
            category=np.concatenate([part.category for part in parts]),
            secondary=np.concatenate([part.secondary for part in parts]),
            urgency=np.concatenate(urgency) if urgency else None,
        )


class OnnxSession:
    """One graph, loaded once, called from as many threads as there are processors.

    Args:
        graph: The `model.onnx` file.
        threads: Runs that go on at once; by default the processors that this process may use.
        provider: The execution provider that must be in use.
        max_batch_tokens: Tokens in one run of a packed graph, which bounds the memory that runs take.
        exact_sums: Whether the processor's fast int8 products are exact; by default what it says of itself.

    Raises:
        SessionError: onnxruntime cannot load the graph or does not give the provider.
    """

    def __init__(
        self,
        graph: Path,
        *,
        threads: int | None = None,
        provider: str = "CPUExecutionProvider",
        max_batch_tokens: int = MAX_BATCH_TOKENS,
        exact_sums: bool | None = None,
    ) -> None:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4  # its errors reach us as exceptions; standard error gets our one line
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        if not (sums_products_exactly() if exact_sums is None else exact_sums):  # slower products, which don't saturate
            options.add_session_config_entry("session.x64quantprecision", "1")
        try:
            self._session = onnxruntime.InferenceSession(str(graph), options, providers=[provider])
        except Exception as error:  # onnxruntime's own exceptions share no public base
            raise SessionError(f"onnxruntime cannot load {graph}: {error}") from error
        self.provider: str = self._session.get_providers()[0]
        if self.provider != provider:
            raise SessionError(f"{graph} runs on {self.provider} although {provider} was asked for")
        self.threads = threads or available_cpus()
        self._pool = ThreadPoolExecutor(self.threads, thread_name_prefix="earshot-session")
        inputs = {node.name for node in self._session.get_inputs()}
        self._lock = threading.Lock()
        self._callers = 0
        self.packed = LENGTHS in inputs
        self.max_batch_tokens = max_batch_tokens
        self._wants_mask = "attention_mask" in inputs
        self._outputs = [node.name for node in self._session.get_outputs()]
        missing = {CATEGORY_LOGITS, SECONDARY_LOGITS} - set(self._outputs)
        if missing or INPUT_IDS not in inputs:
            raise SessionError(f"{graph} is not an Earshot graph: it lacks {sorted(missing) or [INPUT_IDS]}")
        self._graph = graph

    @property
    def metadata(self) -> dict[str, str]:
        """The graph's own metadata."""
        return dict(self._session.get_modelmeta().custom_metadata_map)

    def labels(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The categories and urgencies, in the order in which the graph itself says that it puts them out.

        Raises:
            SessionError: The graph's metadata holds something else than lists of names, or not one for each output.
        """
        categories, urgencies = self._names(CATEGORIES_KEY), self._names(URGENCIES_KEY)
        named = {CATEGORY_LOGITS: len(categories), SECONDARY_LOGITS: len(categories)}
        if urgencies:
            named[URGENCY_LOGITS] = len(urgencies) - 1
        widths = {node.name: node.shape[-1] for node in self._session.get_outputs()}
        # A width that the graph leaves open is no number.
        known = {name: width if isinstance(width, int) else named.get(name) for name, width in widths.items()}
        if known != named:
            raise SessionError(f"{self._graph} puts out {widths} although its metadata names labels for {named}")
        return categories, urgencies

    def _names(self, key: str) -> tuple[str, ...]:
        try:
            names = json.loads(self.metadata.get(key, "[]"))
        except ValueError as error:
            raise SessionError(f"{self._graph}: its metadata '{key}' is not JSON: {error}") from error
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise SessionError(f"{self._graph}: its metadata '{key}' is not a list of names")
        return tuple(names)

    def run(self, ids: Sequence[Ids]) -> Logits:
        """Run posts; none changes the scores of another.

        Args:
            ids: Token ids of each post, `[tokens]`; at least one post.

        Returns:
            The logits, rows in the order of the posts.

        Raises:
            SessionError: onnxruntime cannot run the graph on them, such as when an id is not in its vocabulary.
        """
        with self._counted() as idle:
            runs = batches([len(post) for post in ids], idle, self.max_batch_tokens) if self.packed else _each(ids)
            work = partial(self._run_together if self.packed else self._run_alone, ids)
            parts = list(self._pool.map(work, runs)) if len(runs) > 1 else [work(runs[0])]
        back = np.argsort(np.concatenate(runs))
        by_name = {
            name: np.concatenate(part)[back] for name, part in zip(self._outputs, zip(*parts, strict=True), strict=True)
        }
        return Logits(
            category=by_name[CATEGORY_LOGITS],
            secondary=by_name[SECONDARY_LOGITS],
            urgency=by_name.get(URGENCY_LOGITS),
        )

    @contextmanager
    def _counted(self) -> Iterator[int]:
        """How many threads no other caller keeps busy, at least 1: to split work between busy ones gains nothing."""
        with self._lock:
            self._callers += 1
            idle = max(1, self.threads + 1 - self._callers)
        try:
            yield idle
        finally:
            with self._lock:
                self._callers -= 1

    def _run_together(self, ids: Sequence[Ids], rows: Rows) -> list[Float]:
        posts = [ids[row] for row in rows]
        lengths = np.array([len(post) for post in posts], np.int32)
        return self._call({INPUT_IDS: np.concatenate(posts).astype(np.int32), LENGTHS: lengths})

    def _run_alone(self, ids: Sequence[Ids], rows: Rows) -> list[Float]:
        feed = {INPUT_IDS: ids[rows[0]][np.newaxis]}
        if self._wants_mask:
            feed["attention_mask"] = np.ones_like(feed[INPUT_IDS])
        return self._call(feed)

    def _call(self, feed: Mapping[str, npt.NDArray[np.generic]]) -> list[Float]:
        try:
            outputs: list[Float] = self._session.run(None, feed)
        except Exception as error:  # onnxruntime's own exceptions share no public base
            raise SessionError(f"onnxruntime cannot run {self._graph}: {error}") from error
        return outputs

    def close(self) -> None:
        """Stop the threads; a session that was closed is not used again."""
        self._pool.shutdown(wait=True, cancel_futures=True)


def _each(ids: Sequence[Ids]) -> list[Rows]:
    """Every post in a run of its own."""
    return list(np.arange(len(ids)).reshape(-1, 1))
