"""The network as PyTorch weights in a bundle, and back. Knows nothing of graphs."""

from __future__ import annotations

import json
from pathlib import Path

from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModel

from earshot.bundle import Bundle
from earshot.errors import BundleError
from training.config import ModelConfig
from training.model import PostClassifier

WEIGHTS = "weights.safetensors"
ENCODER = "encoder.json"
"""The encoder's Hugging Face configuration and the pooling: all that the weights don't say of themselves."""


def save_weights(model: PostClassifier, folder: Path) -> dict[str, Path]:
    """Write a network.

    Returns:
        The files of the bundle, by name.
    """
    files = {name: folder / name for name in (WEIGHTS, ENCODER)}
    save_file({name: tensor.contiguous() for name, tensor in model.state_dict().items()}, files[WEIGHTS])
    config = model.encoder.config.to_dict()  # type: ignore[union-attr, operator]  # every HF encoder has it
    content = {"pooling": model.pooling, "encoder": config}
    files[ENCODER].write_text(json.dumps(content, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return files


def load_weights(bundle: Bundle) -> PostClassifier:
    """Build the network of a bundle that keeps its weights.

    Raises:
        BundleError: It keeps none, or other ones than its configuration describes.
    """
    if not {WEIGHTS, ENCODER} <= bundle.manifest.files.keys():
        raise BundleError(
            f"{bundle.folder} holds no PyTorch weights: train with --keep-weights, or use the backend 'onnx'"
        )
    content = json.loads((bundle.folder / ENCODER).read_text(encoding="utf-8"))
    kind = content["encoder"].pop("model_type")
    config = AutoConfig.for_model(kind, **content["encoder"])
    encoder = AutoModel.from_config(config)  # type: ignore[no-untyped-call]  # left without annotations upstream
    if hasattr(encoder, "pooler"):
        encoder.pooler = None  # no bundle has one
    taxonomy = bundle.manifest.taxonomy
    heads = ModelConfig(pooling=content["pooling"])
    model = PostClassifier(encoder, len(taxonomy.categories), len(taxonomy.urgencies), heads)
    try:
        model.load_state_dict(load_file(bundle.folder / WEIGHTS))
    except RuntimeError as error:
        raise BundleError(f"{bundle.folder / WEIGHTS} does not fit {ENCODER}: {error}") from error
    return model.eval()
