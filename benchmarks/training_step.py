"""Seconds that a training step takes with dropout on attention weights, and with none.

python benchmarks/training_step.py $EARSHOT_DATA/posts/train.jsonl
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch

from earshot.taxonomy import Taxonomy
from earshot.tokenization import Tokenizer
from training.base_model import load_base_model
from training.class_weights import ClassWeights
from training.collator import length_grouped_batches
from training.config import TrainingConfig
from training.dataset import Dataset, load_dataset
from training.fit_encoder import EncoderFit, Lesson
from training.targets import Targets

_POSTS = 4000
_WARM_UP = 4


def seconds_per_step(data: Dataset, attention_dropout: float, steps: int) -> float:
    """Train a few steps of the default model, and say how long each took."""
    config = TrainingConfig()
    base = load_base_model(config.model.base_model, config.model.max_tokens, attention_dropout=attention_dropout)
    tokenizer = Tokenizer(
        base.tokenizer, max_tokens=config.model.max_tokens, max_characters=config.model.max_characters
    )
    fit = EncoderFit(base, tokenizer, config, Taxonomy.default())
    weights = ClassWeights.of(config.loss, Taxonomy.default(), data)
    lesson = Lesson(data.texts, Targets.of_labels(data, Taxonomy.default(), weights, config.loss))
    fit.model.train()
    ids = [encoding.ids for encoding in tokenizer.encode(data.texts)]
    optimizer = torch.optim.AdamW(fit.model.parameter_groups(config.optimization), lr=1e-4, fused=True)
    lengths = np.array([len(row) for row in ids], np.int64)
    batches = length_grouped_batches(lengths, config.optimization.batch_size, config.seed, 0)
    started = 0.0
    for index, rows in enumerate(batches[: _WARM_UP + steps]):
        if index == _WARM_UP:
            started = time.perf_counter()
        fit.step(lesson, ids, rows, optimizer)
    return (time.perf_counter() - started) / steps


def main() -> None:
    """Print both and their ratio, a line a turn."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="Labelled posts of the default taxonomy")
    parser.add_argument("--steps", type=int, default=32)
    parser.add_argument("--turns", type=int, default=3)
    arguments = parser.parse_args()
    data, _ = load_dataset([arguments.data], Taxonomy.default())
    data = data.take(np.arange(min(_POSTS, len(data))))
    # In turns, because the machine's speed drifts: only the ratio within a turn says something.
    for turn in range(arguments.turns):
        with_dropout, none = (seconds_per_step(data, dropout, arguments.steps) for dropout in (0.1, 0.0))
        print(
            f"turn {turn + 1}: with {with_dropout:.3f} s a step, none {none:.3f} s, ratio {none / with_dropout:.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
