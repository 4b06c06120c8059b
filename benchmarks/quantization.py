"""What each way of int8 quantization costs and gains, against fp32: flipped categories, changed scores, speed.

earshot train … --output DIR --keep-checkpoints
python benchmarks/quantization.py DIR.training $EARSHOT_DATA/posts/unlabelled.jsonl
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from onnxruntime.quantization import QuantType, quantize_dynamic

from earshot.calibration import Calibration
from earshot.normalization import normalize
from earshot.parity import difference
from earshot.session import Logits, OnnxSession
from earshot.tables import read_table
from earshot.tokenization import Tokenizer
from training.collator import Ids
from training.quantize import quantize_rowwise

Quantize = Callable[[Path, Path], None]
_dynamic = partial(quantize_dynamic, weight_type=QuantType.QInt8, per_channel=True)
VARIANTS: dict[str, Quantize] = {
    "one scale a tensor, 8-bit weights": partial(_dynamic, reduce_range=False),
    "one scale a tensor, 7-bit weights": partial(_dynamic, reduce_range=True),
    "the same, 8-bit, embeddings in fp32": partial(_dynamic, op_types_to_quantize=["MatMul"]),
    "a scale a row, 8-bit weights": partial(quantize_rowwise, weight_bits=8),
    "a scale a row, 7-bit weights": partial(quantize_rowwise, weight_bits=7),
}


def _timed(graph: Path, ids: Sequence[Ids]) -> tuple[Logits, float]:
    """The logits, and the seconds that all posts took, after a few to warm up."""
    session = OnnxSession(graph)
    try:
        session.run(ids[:20])
        started = time.perf_counter()
        return session.run(ids), time.perf_counter() - started
    finally:
        session.close()


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
    exact, exact_s = _timed(fp32, ids)
    print(f"n = {len(ids)} posts of {arguments.posts.name}, against {fp32}")
    print(f"{'variant':36} {'MB':>6} {'flips %':>8} {'p99':>7} {'max':>7} {'speed / fp32':>13}")
    with tempfile.TemporaryDirectory() as folder:
        for name, quantize in VARIANTS.items():
            path = Path(folder) / "int8.onnx"
            quantize(fp32, path)
            logits, seconds = _timed(path, ids)
            found = difference(Calibration().apply(exact), Calibration().apply(logits))
            print(
                f"{name:36} {path.stat().st_size / 1e6:6.1f} {100 * found.flipped:8.2f} "
                f"{found.p99:7.3f} {found.largest:7.3f} "
                f"{exact_s / seconds:13.2f}"
            )


if __name__ == "__main__":
    main()
