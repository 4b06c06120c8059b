"""Fine-tune the encoder: the loop over batches. Knows nothing of files, export or MLflow."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from types import FrameType

import numpy as np
import numpy.typing as npt
import torch
from tqdm import tqdm

from earshot.errors import EarshotError
from earshot.session import Logits
from earshot.taxonomy import Taxonomy
from earshot.tokenization import Tokenizer
from training.base_model import BaseModel
from training.checkpoint import Checkpoints, Progress
from training.collator import Ids, length_grouped_batches, pad
from training.config import TrainingConfig
from training.dataset import Dataset
from training.linear_probe import fit_probe
from training.model import PostClassifier, loss
from training.targets import Targets
from training.validation import selection_score, validation_figures

_GO_ON = "the same command with --resume goes on from there"

EpochEnd = Callable[[int, dict[str, float]], None]


class TrainingInterrupted(EarshotError):
    """The training was asked to stop, and left a checkpoint."""


@contextmanager
def _stop_between_steps() -> Iterator[Callable[[], bool]]:
    """Turn Ctrl-C and SIGTERM into a question asked between steps: in the middle of one the state is inconsistent."""
    asked: list[int] = []

    def ask(number: int, _frame: FrameType | None) -> None:
        asked.append(number)

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(asked)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def uses_bf16(precision: str) -> bool:
    """Whether to train with bfloat16 autocast: on this CPU 1.8 times faster where it is in hardware."""
    if precision != "auto":
        return precision == "bf16"
    return "avx512_bf16" in _cpu_flags() or "amx_bf16" in _cpu_flags()


def _cpu_flags() -> frozenset[str]:
    try:
        with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:  # noqa: PTH123 (a pseudo-file)
            line = next((line for line in file if line.startswith("flags")), "")
    except OSError:
        return frozenset()
    return frozenset(line.split())


@dataclass(frozen=True, slots=True)
class Lesson:
    """What is learned from.

    Attributes:
        texts: Normalized texts.
        targets: What to say of each.
    """

    texts: list[str]
    targets: Targets

    def __len__(self) -> int:
        return len(self.texts)


class EncoderFit:
    """One fine-tuning.

    Args:
        base: The pretrained encoder.
        tokenizer: Its tokenizer, as it will serve.
        config: The training configuration.
        taxonomy: The labels.
    """

    def __init__(self, base: BaseModel, tokenizer: Tokenizer, config: TrainingConfig, taxonomy: Taxonomy) -> None:
        torch.manual_seed(config.seed)
        self.config = config
        self.padding = base.padding
        self.tokenizer = tokenizer
        self.taxonomy = taxonomy
        self.model = PostClassifier(base.encoder, len(taxonomy.categories), len(taxonomy.urgencies), config.model)
        self.bf16 = uses_bf16(config.optimization.precision)

    def run(
        self,
        train: Lesson,
        validation: Dataset,
        checkpoints: Checkpoints,
        progress: Progress,
        *,
        resume: bool,
        on_epoch_end: EpochEnd,
    ) -> Progress:
        """Train, keep the epoch that validates best, and leave the model with its weights.

        Args:
            train: The posts to learn from.
            validation: The posts that choose the epoch.
            checkpoints: Where to keep the state.
            progress: Where to start; with `resume` its fingerprint must be the checkpoint's.
            resume: Go on from the last checkpoint.
            on_epoch_end: Told the epoch (from 0) and its figures.

        Returns:
            Where the training ended.

        Raises:
            TrainingInterrupted: By Ctrl-C or SIGTERM; a checkpoint was saved.
            EarshotError: The checkpoint belongs to another training.
        """
        settings = self.config.optimization
        train_ids = [encoding.ids for encoding in self.tokenizer.encode(train.texts)]
        validation_ids = [encoding.ids for encoding in self.tokenizer.encode(validation.texts)]
        lengths = np.array([len(ids) for ids in train_ids], np.int64)
        if not resume and self.config.model.category_head == "probe":
            self._start_from_probe(train, train_ids)
        optimizer = torch.optim.AdamW(self.model.parameter_groups(settings), lr=settings.learning_rate, fused=True)
        if resume:
            found = checkpoints.load(self.model, optimizer)
            if found.fingerprint != progress.fingerprint:
                raise EarshotError(
                    f"the checkpoint in {checkpoints.folder} belongs to a training with other data or configuration: "
                    "resume with the same, or start over with --restart"
                )
            progress = found
        steps_per_epoch = -(-len(train) // settings.batch_size)
        total = steps_per_epoch * settings.epochs
        with _stop_between_steps() as stop_asked:
            while progress.epoch < settings.epochs and not self._gives_up(progress):
                batches = length_grouped_batches(lengths, settings.batch_size, self.config.seed, progress.epoch)
                progress = self._epoch(train, train_ids, batches, optimizer, progress, total, checkpoints, stop_asked)
                figures = validation_figures(self.predict(validation_ids), validation)
                figures["train_loss"] = float(np.mean(progress.losses))
                score = selection_score(figures)
                if score > progress.best_score or settings.keep == "last":
                    checkpoints.save_best(self.model)
                    progress = replace(progress, best_score=score, best_epoch=progress.epoch)
                on_epoch_end(progress.epoch, figures)
                progress = replace(progress, epoch=progress.epoch + 1, batch=0, losses=())
                checkpoints.save(progress, self.model, optimizer)
                if stop_asked():
                    raise TrainingInterrupted(f"stopped after epoch {progress.epoch}; {_GO_ON}")
        checkpoints.load_best(self.model)
        self.model.eval()
        return progress

    def _epoch(
        self,
        train: Lesson,
        ids: list[Ids],
        batches: list[Ids],
        optimizer: torch.optim.Optimizer,
        progress: Progress,
        total: int,
        checkpoints: Checkpoints,
        stop_asked: Callable[[], bool],
    ) -> Progress:
        settings = self.config.optimization
        losses = list(progress.losses)
        self.model.train()
        bar = tqdm(
            batches[progress.batch :],
            desc=f"epoch {progress.epoch + 1}/{settings.epochs}",
            initial=progress.batch,
            total=len(batches),
            unit="step",
            disable=None,
        )
        for index, rows in enumerate(bar, start=progress.batch):
            step = progress.epoch * len(batches) + index
            for group in optimizer.param_groups:
                group["lr"] = group["peak_lr"] * self._schedule(step, total)
            losses.append(self.step(train, ids, rows, optimizer))
            bar.set_postfix(loss=f"{np.mean(losses[-100:]):.3f}")
            done = replace(progress, batch=index + 1, losses=tuple(losses))
            if stop_asked():
                checkpoints.save(done, self.model, optimizer)
                bar.close()
                raise TrainingInterrupted(
                    f"stopped in epoch {progress.epoch + 1} after step {index + 1} of {len(batches)}; {_GO_ON}"
                )
            if (index + 1) % settings.checkpoint_steps == 0:
                checkpoints.save(done, self.model, optimizer)
        return replace(progress, batch=len(batches), losses=tuple(losses))

    def _gives_up(self, progress: Progress) -> bool:
        """Whether the last epochs brought nothing; told from the progress alone, so resuming changes nothing."""
        patience = self.config.optimization.patience
        return patience is not None and progress.epoch - 1 - progress.best_epoch >= patience

    def _schedule(self, step: int, total: int) -> float:
        warmup = max(1, round(total * self.config.optimization.warmup_fraction))
        return min((step + 1) / warmup, (total - step) / max(1, total - warmup))

    def step(self, train: Lesson, ids: list[Ids], rows: Ids, optimizer: torch.optim.Optimizer) -> float:
        """Learn from one batch.

        Args:
            train: The posts to learn from.
            ids: Their token ids.
            rows: Which of them are in the batch.
            optimizer: Of the network's parameters.

        Returns:
            The batch's loss.
        """
        input_ids, mask = pad([ids[row] for row in rows], self.padding)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.bf16):
            outputs = self.model(input_ids, mask)
        value = loss(tuple(output.float() for output in outputs), train.targets.take(rows), self.config.loss)
        optimizer.zero_grad(set_to_none=True)
        value.backward()  # type: ignore[no-untyped-call]  # torch leaves Tensor.backward without annotations
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.config.optimization.max_gradient_norm)
        optimizer.step()
        return float(value.detach())

    def _start_from_probe(self, train: Lesson, ids: list[Ids]) -> None:
        category = train.targets.category.argmax(axis=1)
        if len(np.unique(category)) > 1:
            probe = fit_probe(
                self._vectors(ids), category, train.targets.category_weight, len(self.taxonomy.categories)
            )
            self.model.start_category_head(*probe)

    @torch.inference_mode()
    def _vectors(self, ids: list[Ids]) -> npt.NDArray[np.float32]:
        self.model.eval()
        order = np.argsort([-len(row) for row in ids], kind="stable")
        size = 2 * self.config.optimization.batch_size
        found = [
            self.model.vectors(*pad([ids[row] for row in order[start : start + size]], self.padding)).numpy()
            for start in tqdm(range(0, len(ids), size), desc="probe", unit="batch", leave=False, disable=None)
        ]
        return np.concatenate(found)[np.argsort(order)]

    @torch.inference_mode()
    def predict(self, ids: list[Ids], *, exact: bool = False) -> Logits:
        """Run posts through the network.

        Args:
            ids: Token ids of each post.
            exact: In float32 even where training uses bfloat16.

        Returns:
            Logits in the order of the posts.
        """
        self.model.eval()
        order = np.argsort([-len(row) for row in ids], kind="stable")
        parts: list[tuple[npt.NDArray[np.float32], ...]] = []
        size = 2 * self.config.optimization.batch_size
        for start in tqdm(range(0, len(ids), size), desc="validation", unit="batch", leave=False, disable=None):
            input_ids, mask = pad([ids[row] for row in order[start : start + size]], self.padding)
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.bf16 and not exact):
                outputs = self.model(input_ids, mask)
            parts.append(tuple(output.float().numpy() for output in outputs))
        back = np.argsort(order)
        heads = [np.concatenate(head)[back] for head in zip(*parts, strict=True)]
        return Logits(category=heads[0], secondary=heads[1], urgency=heads[2] if len(heads) > 2 else None)
