"""`make bench`: how fast Earshot is on this machine, against its own limit and against others, measured in one run.

python -m benchmarks.speed --model BUNDLE [--student BUNDLE]

BUNDLE holds PyTorch weights (`earshot train --keep-weights`), from which the other graphs of the same network are made.
Figures are kept as they come (`runs/bench`), so an interrupted run goes on; `--budget` bounds one sitting in seconds.
At the end, the table and the picture of docs/performance.md are written.
"""

from __future__ import annotations

import argparse
import json
from functools import partial
from pathlib import Path

import numpy as np
import onnxruntime

from benchmarks import in_process, served
from benchmarks.cells import Cell, Cells
from benchmarks.performance_page import write_page
from benchmarks.processor import processor
from benchmarks.texts import Texts
from benchmarks.variants import PACKED_FP32, PACKED_INT8, PADDED_DYNAMIC, PADDED_FP32, PADDED_ROWS, Variants
from earshot.bundle import Bundle
from earshot.cpu import available_cpus
from earshot.normalization import normalize
from earshot.session import Ids

LENGTHS = ((1, 16), (17, 32), (33, 64), (65, 256))
BATCHES = (1, 16, 64)
CONNECTIONS = (1, 4, 16, 64)
_PACKED = (PACKED_INT8, PACKED_FP32)
_ALL = (PACKED_INT8, PADDED_DYNAMIC, PADDED_ROWS, PACKED_FP32, PADDED_FP32)


def encoded(bundle: Bundle, texts: list[str]) -> list[Ids]:
    """Token ids of each text, as the bundle reads it."""
    return [encoding.ids for encoding in bundle.tokenizer().encode([normalize(text) for text in texts])]


def all_cells(variants: Variants, student: Bundle | None, texts: Texts) -> list[Cell]:
    """Everything that is measured."""
    bundle = variants.bundle
    ids = encoded(bundle, texts.texts)
    mean_tokens = float(np.mean([len(post) for post in ids]))
    cells = [Cell("limit", lambda: in_process.bare_products(bundle.graph_path, mean_tokens))]
    for posts in BATCHES:
        cells += [_in_process(f"random order/{posts}", variants, name, ids, posts) for name in _ALL]
    for low, high in LENGTHS:
        within = [post for post in ids if low <= len(post) <= high]
        if len(within) >= min(BATCHES[1:]):
            cells += [_in_process(f"{low} to {high} tokens/16", variants, name, within, 16) for name in _ALL]
    cells.append(Cell("profile", lambda: in_process.profile(bundle.graph_path, ids, 5)))
    for posts in (1, 16):
        for connections in CONNECTIONS if posts == 1 else (16,):
            cells += [
                _served(name, start, texts, posts, connections) for name, start in _servers(variants, student).items()
            ]
    return cells


def _servers(variants: Variants, student: Bundle | None) -> dict[str, served.Start]:
    servers: dict[str, served.Start] = {
        "Earshot": partial(served.earshot, variants.bundle.folder),
        "peer": lambda: served.fastapi_onnxruntime(variants.peer(), available_cpus()),
    }
    if student is not None:
        servers["Earshot, student"] = partial(served.earshot, student.folder)
    return servers


def _in_process(group: str, variants: Variants, name: str, ids: list[Ids], posts: int) -> Cell:
    measure = in_process.served_batches if name in (*_PACKED, PADDED_ROWS) else in_process.padded_batches
    return Cell(f"in process/{group}/{name}", lambda: measure(variants.graph(name), ids, posts))


def _served(name: str, start: served.Start, texts: Texts, posts: int, connections: int) -> Cell:
    measure = partial(served.under_load, texts=texts.texts, posts=posts, connections=connections)
    return Cell(f"served/{name}/{posts}/{connections}", lambda: measure(start()))


def main() -> None:
    """Measure, and write the page when nothing is missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="A bundle with PyTorch weights")
    parser.add_argument("--student", help="A second, smaller bundle, only served")
    parser.add_argument("--work", type=Path, default=Path("runs/bench"))
    parser.add_argument("--budget", type=float, default=3600, help="Begin nothing new after so many seconds")
    parser.add_argument("--page", type=Path, default=Path("docs/performance.md"))
    parser.add_argument(
        "--only", default="", metavar="PREFIX", help="Measure only such cells, such as served/, and print them"
    )
    arguments = parser.parse_args()
    bundle, texts = Bundle.load(arguments.model), Texts.find()
    student = Bundle.load(arguments.student) if arguments.student else None
    ids = encoded(bundle, texts.texts)
    about = {
        "processor": f"{available_cpus()} x {processor()}",
        "onnxruntime": onnxruntime.__version__,
        "model": f"{bundle.manifest.name} {bundle.manifest.version} {bundle.manifest.digest}",
        "student": f"{student.manifest.name} {student.manifest.version} {student.manifest.digest}" if student else "-",
        "posts": f"{len(ids)} of {texts.name}, mean {np.mean([len(post) for post in ids]):.1f} tokens",
    }
    cells = Cells(arguments.work / "figures.json", about)
    everything = all_cells(Variants(bundle, arguments.work / bundle.manifest.digest[7:19]), student, texts)
    if arguments.only:
        cells.measure([cell for cell in everything if cell.name.startswith(arguments.only)], arguments.budget)
        found = {name: figures for name, figures in cells.figures.items() if name.startswith(arguments.only)}
        print(json.dumps(found, indent=1))
    elif cells.measure(everything, arguments.budget):
        write_page(arguments.page, about, cells.figures)
        print(f"wrote {arguments.page}")
    else:
        print(f"{len(cells.figures)} of {len(everything)} figures measured: the same command goes on from there")


if __name__ == "__main__":
    main()
