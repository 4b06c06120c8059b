"""The same network as graphs of each kind, made from the PyTorch weights of one bundle."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import onnx
from onnxruntime.quantization import QuantType, quantize_dynamic

from earshot.bundle import Bundle
from training.export import read_weights
from training.export_onnx import export_fp32, label_metadata
from training.packed_graph import write_packed_graph
from training.quantize import quantize_rowwise
from training.torch_weights import load_weights

PACKED_INT8 = "packed, int8 (Earshot)"
PACKED_FP32 = "packed, fp32"
PADDED_FP32 = "padded, fp32"
PADDED_ROWS = "padded, int8, a scale a row (0.1.0)"
PADDED_DYNAMIC = "padded, int8, quantize_dynamic (peers)"


@dataclass(frozen=True, slots=True)
class Variants:
    """Graphs of one network in a folder, made when they are first asked for.

    Attributes:
        bundle: With PyTorch weights.
        folder: Where they are kept.
    """

    bundle: Bundle
    folder: Path

    def graph(self, name: str) -> Path:
        """One of them."""
        if name == PACKED_INT8:
            return self.bundle.graph_path
        path = self.folder / f"{''.join(letter for letter in name if letter.isalnum())}.onnx"
        if not path.is_file():
            self.folder.mkdir(parents=True, exist_ok=True)
            unfinished = path.with_suffix(".part")
            self._makers()[name](unfinished)
            unfinished.replace(path)
        return path

    def peer(self) -> Path:
        """A folder as the peers' scripts want it."""
        folder = self.folder / "peer"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "model.onnx").write_bytes(self.graph(PADDED_DYNAMIC).read_bytes())
        (folder / "tokenizer.json").write_bytes(self.bundle.tokenizer_path.read_bytes())
        (folder / "labels.json").write_text(json.dumps(self.bundle.manifest.taxonomy.category_names))
        return folder

    def _makers(self) -> dict[str, Callable[[Path], None]]:
        return {
            PACKED_FP32: self._packed_fp32,
            PADDED_FP32: self._padded_fp32,
            PADDED_ROWS: lambda path: quantize_rowwise(self.graph(PADDED_FP32), path, weight_bits=7),
            PADDED_DYNAMIC: lambda path: quantize_dynamic(
                self.graph(PADDED_FP32), path, weight_type=QuantType.QInt8, per_channel=True
            ),
        }

    def _packed_fp32(self, path: Path) -> None:
        weights = read_weights(load_weights(self.bundle))
        write_packed_graph(weights, path, label_metadata(self.bundle.manifest.taxonomy))

    def _padded_fp32(self, path: Path) -> None:
        vocabulary = self.bundle.tokenizer().vocabulary_size
        export_fp32(load_weights(self.bundle), path, self.bundle.manifest.taxonomy, vocabulary)
        onnx.checker.check_model(onnx.load(path))
