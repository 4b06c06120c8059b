"""Fine-tune the encoder: the loop over batches. Knows nothing of files, export or MLflow."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from types import FrameType

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from tqdm import tqdm

from earshot.errors import EarshotError
from earshot.session import Logits
from earshot.taxonomy import Taxonomy
from earshot.tokenization import Tokenizer
from training.augmentation import altered
from training.base_model import BaseModel
from training.checkpoint import Checkpoints, Progress
from training.collator import Ids, Part, length_grouped_batches, pad, parts, pieces
from training.config import TrainingConfig
from training.dataset import Dataset
from training.features import Float, pool_posts
from training.linear_probe import fit_probe
from training.model import PostClassifier, likeness_loss, loss
from training.processes import Processes
from training.request import Say
from training.rounding import rounded
from training.scope_shift import select_scope_shift
from training.targets import Targets, Totals
from training.validation import selection_score, validation_figures

_ENCODED_AT_ONCE = 2048
_CPU_TOKENS = 1_024
_GPU_TOKENS = 16_384
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


@dataclass(frozen=True, slots=True)
class Lesson:
    """What is learned from.

    Attributes:
        texts: Normalized texts.
        targets: What to say of each.
        vectors: `[posts, width]`, the pooled vectors to come close to; None without.
    """

    texts: list[str]
    targets: Targets
    vectors: Float | None = None

    def __len__(self) -> int:
        return len(self.texts)


class EncoderFit:
    """One fine-tuning, by one process or by several together.

    Args:
        base: The pretrained encoder.
        tokenizer: Its tokenizer, as it will serve.
        config: The training configuration.
        taxonomy: The labels.
    """

    def __init__(self, base: BaseModel, tokenizer: Tokenizer, config: TrainingConfig, taxonomy: Taxonomy) -> None:
        self.processes = Processes()
        # Each process draws its own dropout; they start from the first one's weights all the same.
        torch.manual_seed(config.seed + self.processes.index)
        self.config = config
        self.padding = base.padding
        self.tokenizer = tokenizer
        self.taxonomy = taxonomy
        self.model = PostClassifier(base.encoder, len(taxonomy.categories), len(taxonomy.urgencies), config.model)
        self._network = self.processes.prepare(self.model)
        precision = config.optimization.precision
        self.bf16 = self.processes.gains_by_bf16() if precision == "auto" else precision == "bf16"
        on_cpu = self.processes.device.type == "cpu"
        self.max_batch_tokens = config.optimization.max_batch_tokens or (_CPU_TOKENS if on_cpu else _GPU_TOKENS)

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
        """Train, keep the epoch that validates best, and leave the model on the CPU with its weights.

        Called in the first process only; the others `follow`.

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
        self.processes.from_first((train, validation, progress, resume))
        return self._run(train, validation, checkpoints, progress, resume=resume, on_epoch_end=on_epoch_end)

    def follow(self, checkpoints: Checkpoints) -> None:
        """Take part in what the first process runs, with the posts that it was given.

        Args:
            checkpoints: The first process's.

        Raises:
            TrainingInterrupted: By Ctrl-C or SIGTERM, in any process.
            EarshotError: The checkpoint belongs to another training, or to another number of processes.
        """
        train, validation, progress, resume = self.processes.from_first(None)
        self._run(train, validation, checkpoints, progress, resume=resume, on_epoch_end=lambda *_: None)

    def _run(
        self,
        train: Lesson,
        validation: Dataset,
        checkpoints: Checkpoints,
        progress: Progress,
        *,
        resume: bool,
        on_epoch_end: EpochEnd,
    ) -> Progress:
        settings = self.config.optimization
        validation_ids = self._token_ids(validation.texts)
        if not resume and self.config.model.category_head == "probe":
            self._start_from_probe(train, self._token_ids(train.texts))
        optimizer = torch.optim.AdamW(self.model.parameter_groups(settings), lr=settings.learning_rate, fused=True)
        if resume:
            found, random = checkpoints.load(self.model, optimizer)
            if found.fingerprint != progress.fingerprint:
                raise EarshotError(
                    f"the checkpoint in {checkpoints.folder} belongs to a training with other data or configuration: "
                    "resume with the same, or start over with --restart"
                )
            self.processes.restore_random_state(random)
            progress = found
        steps_per_epoch = -(-len(train) // settings.batch_size)
        total = steps_per_epoch * settings.epochs
        with _stop_between_steps() as stop_asked:
            while progress.epoch < settings.epochs and not self._gives_up(progress):
                train_ids = self._ids_of_epoch(train.texts, progress.epoch)
                lengths = np.array([len(ids) for ids in train_ids], np.int64)
                batches = length_grouped_batches(lengths, settings.batch_size, self.config.seed, progress.epoch)
                first_rounded = settings.epochs - settings.rounded_epochs
                if progress.epoch == first_rounded and progress.batch == 0:
                    # What int8 is served from must have felt it: no epoch before these is kept.
                    progress = replace(progress, best_score=-1.0)
                with rounded(self.model.encoder, when=progress.epoch >= first_rounded):
                    progress = self._epoch(
                        train, train_ids, batches, optimizer, progress, total, checkpoints, stop_asked
                    )
                figures = validation_figures(self._predict_together(validation_ids), validation)
                figures["train_loss"] = float(np.mean(progress.losses))
                score = selection_score(figures)
                if score > progress.best_score or settings.keep == "last":
                    if self.processes.is_first:
                        checkpoints.save_best(self.model)
                    progress = replace(progress, best_score=score, best_epoch=progress.epoch)
                on_epoch_end(progress.epoch, figures)
                progress = replace(progress, epoch=progress.epoch + 1, batch=0, losses=())
                self._save(checkpoints, progress, optimizer)
                if self.processes.any(stop_asked()):
                    raise TrainingInterrupted(f"stopped after epoch {progress.epoch}; {_GO_ON}")
        if self.processes.is_first:
            checkpoints.load_best(self.model)
        self.model.cpu().eval()
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
            disable=None if self.processes.is_first else True,
        )
        for index, rows in enumerate(bar, start=progress.batch):
            step = progress.epoch * len(batches) + index
            for group in optimizer.param_groups:
                group["lr"] = group["peak_lr"] * self._schedule(step, total)
            losses.append(self.step(train, ids, rows, optimizer))
            bar.set_postfix(loss=f"{np.mean(losses[-100:]):.3f}")
            done = replace(progress, batch=index + 1, losses=tuple(losses))
            if self.processes.any(stop_asked()):
                self._save(checkpoints, done, optimizer)
                bar.close()
                raise TrainingInterrupted(
                    f"stopped in epoch {progress.epoch + 1} after step {index + 1} of {len(batches)}; {_GO_ON}"
                )
            if (index + 1) % settings.checkpoint_steps == 0:
                self._save(checkpoints, done, optimizer)
        return replace(progress, batch=len(batches), losses=tuple(losses))

    def _ids_of_epoch(self, texts: Sequence[str], epoch: int) -> list[Ids]:
        share = self.config.augmentation.share
        return self._token_ids(altered(texts, share, seed=self.config.seed, epoch=epoch))

    def _token_ids(self, texts: Sequence[str]) -> list[Ids]:
        """A few posts at a time: a raw encoding takes several times the memory of its ids."""
        some = (texts[start : start + _ENCODED_AT_ONCE] for start in range(0, len(texts), _ENCODED_AT_ONCE))
        return [encoding.ids for batch in some for encoding in self.tokenizer.encode(batch)]

    def _save(self, checkpoints: Checkpoints, progress: Progress, optimizer: torch.optim.Optimizer) -> None:
        random = self.processes.random_states()
        if self.processes.is_first:
            checkpoints.save(progress, self.model, optimizer, random)

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
        settings, processes = self.config.optimization, self.processes
        mine = parts(rows, ids, self.max_batch_tokens, process=processes.index, processes=processes.count)
        *first, last = mine
        totals = train.targets.take(rows).totals()
        optimizer.zero_grad(set_to_none=True)
        value = torch.zeros((), device=processes.device)
        for part in first:
            with processes.without_exchange(self._network):
                value += self._learn(train, ids, part, totals)
        value += self._learn(train, ids, last, totals)
        processes.clip_gradients(self.model, settings.max_gradient_norm)
        optimizer.step()
        return processes.total(value)

    def _learn(self, train: Lesson, ids: list[Ids], part: Part, totals: Totals) -> torch.Tensor:
        """Add a part's gradients, and give its share of the batch's loss."""
        alike = train.vectors is not None
        outputs = self._forward(self._network, [ids[row] for row in part.rows], bf16=self.bf16, with_pooled=alike)
        targets = train.targets.take(part.rows)
        if not part.weight:
            targets = targets.weighing(0.0)
        value = loss(outputs[:-1] if alike else outputs, targets, self.config.loss, totals)
        if train.vectors is not None:
            aim = torch.from_numpy(train.vectors[part.rows]).to(outputs[-1].device)
            weight = self.config.distillation.likeness_weight * part.weight
            value = value + weight * likeness_loss(outputs[-1], aim)
        # The processes' gradients are averaged, and shall be added up.
        self.processes.backward(value * self.processes.count)
        return value.detach()

    def _forward(
        self, network: nn.Module, ids: list[Ids], *, bf16: bool, with_pooled: bool = False
    ) -> tuple[torch.Tensor, ...]:
        device = next(self.model.parameters()).device
        input_ids, mask = (tensor.to(device) for tensor in pad(ids, self.padding))
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=bf16):
            outputs = network(input_ids, mask, with_pooled=with_pooled)
        return tuple(output.float() for output in outputs)

    def _predict_together(self, ids: list[Ids]) -> Logits:
        """Run posts through the network, every process its share of them; all get all logits."""
        index, count = self.processes.index, self.processes.count
        # A process without a post of its own judges the first once more.
        rows = np.arange(len(ids))[index::count] if index < len(ids) else np.arange(1)
        told = self.processes.gather((rows, self.predict([ids[row] for row in rows])))
        order = np.unique(np.concatenate([rows for rows, _ in told]), return_index=True)[1]
        return Logits.joined([logits for _, logits in told]).take(order)

    def _start_from_probe(self, train: Lesson, ids: list[Ids]) -> None:
        category = train.targets.category.argmax(axis=1)
        if len(np.unique(category)) > 1:
            # One fits it for all, or rounding would let the processes' heads drift apart.
            probe = self.processes.from_first(self._probe(train, ids) if self.processes.is_first else None)
            self.model.start_category_head(*probe)

    def _probe(self, train: Lesson, ids: list[Ids]) -> tuple[Float, Float]:
        vectors = pool_posts(self.model, ids, self.padding)
        category = train.targets.category.argmax(axis=1)
        return fit_probe(vectors, category, train.targets.category_weight, len(self.taxonomy.categories))

    def ask(self, texts: Sequence[str]) -> Logits:
        """Judge texts with the trained network on this process's device, which is faster than the CPU it is left on.

        Args:
            texts: Normalized texts.

        Returns:
            Logits in their order.
        """
        self.model.to(self.processes.device)
        judged = self.predict(self._token_ids(texts))
        self.model.cpu()
        return judged

    def move_scope(self, validation: Dataset, say: Say) -> None:
        """Move the border of the out-of-scope category to where validation posts ask for it, if so configured.

        Args:
            validation: The posts to choose it on.
            say: Told the shift.
        """
        aim, name = self.config.decision.scope, self.taxonomy.out_of_scope
        if aim == "as_trained" or name is None:
            return
        index = self.taxonomy.category_names.index(name)
        shift = select_scope_shift(self.ask(validation.texts).category, validation.category, index, aim)
        self.model.shift_category(index, shift)
        say(f"shift of '{name}' for the best {aim}: {shift:+.2f}")

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
        judged: list[tuple[npt.NDArray[np.float32], ...]] = []
        shown = None if self.processes.is_first else True
        for rows in tqdm(self._passes(order, ids), desc="validation", unit="batch", leave=False, disable=shown):
            outputs = self._forward(self.model, [ids[row] for row in rows], bf16=self.bf16 and not exact)
            judged.append(tuple(output.cpu().numpy() for output in outputs))
        back = np.argsort(order)
        heads = [np.concatenate(head)[back] for head in zip(*judged, strict=True)]
        return Logits(category=heads[0], secondary=heads[1], urgency=heads[2] if len(heads) > 2 else None)

    def _passes(self, order: Ids, ids: list[Ids]) -> list[Ids]:
        """Posts that go through the network together, without gradients."""
        settings = self.config.optimization
        size = 2 * settings.batch_size
        batches = [order[start : start + size] for start in range(0, len(order), size)]
        return [
            batch[piece]
            for batch in batches
            for piece in pieces([len(ids[row]) for row in batch], self.max_batch_tokens)
        ]
