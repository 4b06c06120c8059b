"""Seconds that a training step takes: with dropout on attention weights, without, and in parts that fit into the cache.

python benchmarks/training_step.py $EARSHOT_DATA/posts/train.jsonl
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

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
_VARIANTS: dict[str, dict[str, Any]] = {
    "with attention dropout": {"model.attention_dropout": 0.1},
    "without": {},
    "without, parts of 1024 tokens": {"optimization.max_batch_tokens": 1024},
    "without, word vectors frozen": {"model.freeze_embeddings": True},
    "without, frozen, parts of 1024 tokens": {"model.freeze_embeddings": True, "optimization.max_batch_tokens": 1024},
}


def seconds_per_step(data: Dataset, settings: dict[str, Any], steps: int) -> float:
    """Train a few steps of the default model, and say how long each took."""
    config, taxonomy = TrainingConfig.load(None, settings), Taxonomy.default()
    base = load_base_model(
        config.model.base_model, config.model.max_tokens, attention_dropout=config.model.attention_dropout
    )
    tokenizer = Tokenizer(
        base.tokenizer, max_tokens=config.model.max_tokens, max_characters=config.model.max_characters
    )
    fit = EncoderFit(base, tokenizer, config, taxonomy)
    weights = ClassWeights.of(config.loss, taxonomy, data)
    lesson = Lesson(data.texts, Targets.of_labels(data, taxonomy, weights, config.loss))
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
    """Print each variant's seconds and their ratio to the first, a line a turn."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="Labelled posts of the default taxonomy")
    parser.add_argument("--steps", type=int, default=32)
    parser.add_argument("--turns", type=int, default=3)
    arguments = parser.parse_args()
    data, _ = load_dataset([arguments.data], Taxonomy.default())
    data = data.take(np.arange(min(_POSTS, len(data))))
    # In turns, because the machine's speed drifts: only the ratios within a turn say something.
    for turn in range(arguments.turns):
        print(f"turn {turn + 1}")
        first = None
        for name, settings in _VARIANTS.items():
            seconds = seconds_per_step(data, settings, arguments.steps)
            first = first or seconds
            print(f"  {name}: {seconds:.3f} s a step, {seconds / first:.2f} of the first", flush=True)


if __name__ == "__main__":
    main()
