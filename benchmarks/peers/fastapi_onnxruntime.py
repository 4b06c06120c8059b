"""What most teams write by hand, and the fastest peer measured: FastAPI over onnxruntime, no batching, no limits.

Serves a padded graph quantized by `quantize_dynamic`. Run by `benchmarks/served.py`:
`python -m benchmarks.peers.fastapi_onnxruntime FOLDER PORT THREADS`, FOLDER holding `model.onnx`, `tokenizer.json` and
`labels.json`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel
from tokenizers import Tokenizer

_MAX_TOKENS = 256
_MAX_BATCH = 32


class Request(BaseModel):
    """Texts to classify."""

    texts: list[str]


class Classifier:
    """A graph and its tokenizer."""

    def __init__(self, folder: Path, threads: int) -> None:
        self._labels = json.loads((folder / "labels.json").read_text())
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(_MAX_TOKENS)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(
            str(folder / "model.onnx"), options, providers=["CPUExecutionProvider"]
        )

    def __call__(self, texts: list[str]) -> list[dict[str, Any]]:
        """Classify texts, up to 32 at a time."""
        results = []
        for start in range(0, len(texts), _MAX_BATCH):
            ids = [encoding.ids for encoding in self._tokenizer.encode_batch(texts[start : start + _MAX_BATCH])]
            padded = np.zeros((len(ids), max(map(len, ids))), np.int64)
            mask = np.zeros_like(padded)
            for row, post in enumerate(ids):
                padded[row, : len(post)] = post
                mask[row, : len(post)] = 1
            logits = self._session.run(None, {"input_ids": padded, "attention_mask": mask})[0]
            exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
            for shares in exponentials / exponentials.sum(axis=1, keepdims=True):
                scores = dict(zip(self._labels, shares.tolist(), strict=True))
                results.append({"label": max(scores, key=scores.__getitem__), "scores": scores})
        return results


def main() -> None:
    """Serve."""
    folder, port, threads = sys.argv[1:]
    classifier = Classifier(Path(folder), int(threads))
    app = FastAPI()

    @app.post("/classify")
    def classify(request: Request) -> dict[str, Any]:
        return {"results": classifier(request.texts)}

    @app.get("/readyz")
    def ready() -> dict[str, bool]:
        return {"ready": True}

    uvicorn.run(app, host="127.0.0.1", port=int(port), log_level="warning", access_log=False)


if __name__ == "__main__":
    main()
