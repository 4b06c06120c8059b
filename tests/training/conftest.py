"""A real BERT of two layers and a few hundred words, as a folder: it trains in seconds and exports like a large one."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

from earshot.__main__ import main
from earshot.records import Row

# One thread is faster for a network this small, and leaves the other processor to others.
torch.set_num_threads(1)

AUTHORED = Path(__file__).parents[2] / "data" / "authored.jsonl"


@pytest.fixture(scope="session")
def authored_rows() -> list[Row]:
    """Every tenth authored post."""
    lines = AUTHORED.read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines[::10]]


@pytest.fixture(scope="session")
def authored_file(authored_rows: list[Row], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same posts as a file."""
    path = tmp_path_factory.mktemp("data") / "posts.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in authored_rows), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def tiny_encoder(authored_rows: list[Row], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Hugging Face folder with an untrained encoder and its tokenizer."""
    folder = tmp_path_factory.mktemp("encoder")
    normalizer, splitter = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    words = Counter(
        word
        for row in authored_rows
        for word, _ in splitter.pre_tokenize_str(normalizer.normalize_str(str(row["text"])))
    )
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(word for word, _ in words.most_common(800))]
    raw = Tokenizer(models.WordPiece({word: index for index, word in enumerate(vocabulary)}, unk_token="[UNK]"))
    raw.normalizer, raw.pre_tokenizer = normalizer, splitter
    raw.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]  # left without annotations upstream
        tokenizer_object=raw, pad_token="[PAD]", unk_token="[UNK]"
    )
    tokenizer.save_pretrained(folder)
    torch.manual_seed(1)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=128,
    )
    BertModel(config).save_pretrained(folder)
    return folder


def set_options(settings: dict[str, str]) -> list[str]:
    """Training settings as `--set` options."""
    return [option for name, value in settings.items() for option in ("--set", f"{name}={value}")]


@pytest.fixture(scope="session")
def tiny_training(tiny_encoder: Path, authored_file: Path) -> list[str]:
    """The arguments of `earshot` that fine-tune the tiny encoder, to write a bundle into the folder where it runs."""
    settings = {
        "model.max_tokens": "64",
        "export.weight_bits": "8",
        "optimization.epochs": "2",
        "optimization.learning_rate": "0.003",
        "optimization.checkpoint_steps": "3",
    }
    data = ["--data", str(authored_file), "--base-model", str(tiny_encoder)]
    return ["train", *data, "--output", "bundle", "--tracking-uri", "sqlite:///mlflow.db", *set_options(settings)]


@pytest.fixture(scope="session")
def trained(tiny_training: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which that training ran."""
    folder = tmp_path_factory.mktemp("trained")
    here = Path.cwd()
    os.chdir(folder)
    try:
        with pytest.raises(SystemExit) as exit_:
            main(tiny_training)
    finally:
        os.chdir(here)
    assert not exit_.value.code
    return folder
