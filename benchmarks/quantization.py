"""What each way of dynamic int8 quantization costs: flipped categories and changed scores, against fp32.

earshot train … --output DIR --keep-checkpoints
python benchmarks/quantization.py DIR.training $EARSHOT_DATA/posts/unlabelled.jsonl
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import onnx
from onnxruntime.quantization import QuantType, quantize_dynamic

from earshot.normalization import normalize
from earshot.tables import read_table
from earshot.tokenization import Tokenizer
from training.export_onnx import quantization_figures, run_graph

VARIANTS: dict[str, dict[str, Any]] = {
    "8-bit weights, all": {"reduce_range": False},
    "7-bit weights, all": {"reduce_range": True},
    "8-bit weights, heads in fp32": {"reduce_range": False, "heads": True},
    "7-bit weights, heads in fp32": {"reduce_range": True, "heads": True},
    "8-bit weights, embeddings in fp32": {"reduce_range": False, "operators": ["MatMul", "Gemm"]},
}


def _heads(graph: Path) -> list[str]:
    """The products that give the graph's outputs."""
    model = onnx.load(graph, load_external_data=False)
    outputs = {output.name for output in model.graph.output}
    return [node.name for node in model.graph.node if outputs & set(node.output)]


def main() -> None:
    """Print a line per variant."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path, help="The kept work folder of a training")
    parser.add_argument("posts", type=Path, help="Posts to compare on")
    parser.add_argument("--limit", type=int, default=2000, help="Compare on the first so many")
    arguments = parser.parse_args()
    fp32 = arguments.work / "fp32.onnx"
    tokenizer = Tokenizer.load(arguments.work / "tokenizer.json", max_tokens=256, max_characters=4000)
    rows = [row for _, row in read_table(arguments.posts).rows][: arguments.limit]
    ids = [encoding.ids for encoding in tokenizer.encode([normalize(str(row["text"])) for row in rows])]
    exact = run_graph(fp32, ids)
    print(f"n = {len(ids)} posts of {arguments.posts.name}, against {fp32}")
    print(f"{'variant':36} {'MB':>6} {'flips %':>8} {'p99':>7} {'max':>7}")
    with tempfile.TemporaryDirectory() as folder:
        for name, options in VARIANTS.items():
            path = Path(folder) / "int8.onnx"
            quantize_dynamic(
                fp32,
                path,
                weight_type=QuantType.QInt8,
                per_channel=True,
                reduce_range=options["reduce_range"],
                op_types_to_quantize=options.get("operators"),
                nodes_to_exclude=_heads(fp32) if options.get("heads") else None,
            )
            figures = quantization_figures(exact, run_graph(path, ids))
            print(
                f"{name:36} {path.stat().st_size / 1e6:6.1f} {100 * figures['int8_category_flips']:8.2f} "
                f"{figures['int8_score_change_p99']:7.3f} {figures['int8_score_change_max']:7.3f}"
            )


if __name__ == "__main__":
    main()
