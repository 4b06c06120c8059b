"""Predictions kept on disk by model and post, so that a rerun asks for none of them again, also after a crash.

```
{"cache": 1, …what the predictions depend on…}
{"post": "<sha256 of the text>", "result": {…}}
```

Holds no texts. A line that was torn by a crash is asked for again.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib import metadata, resources
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from earshot.cpu import sums_products_exactly
from earshot.post import Post, Prediction, Rejection, Result
from earshot.predictor import Predictor
from eval.samples import digest_of

CACHE_VARIABLE = "EARSHOT_CACHE"
NO_ANSWER = "no-answer"
"""The type of a rejection that says nothing of the post, and is never kept."""
_LAYOUT = {"cache": 1}
_PREDICTION = TypeAdapter(Prediction)


class PredictionCache:
    """What one model said, in a file.

    Args:
        folder: Where caches lie; is made when the first predictions come.
        depends_on: All that the predictions depend on.
    """

    def __init__(self, folder: Path, depends_on: Mapping[str, str]) -> None:
        self._header = _line({**_LAYOUT, **depends_on})
        self.path = folder / f"{hashlib.sha256(self._header).hexdigest()[:24]}.jsonl"
        self._results: dict[str, dict[str, Any]] = {}
        self._size = 0
        """Bytes of the file that hold; what follows them is torn."""
        self._read()

    def _read(self) -> None:
        try:
            lines = self.path.read_bytes().splitlines(keepends=True)
        except OSError:
            return
        if not lines or lines[0] != self._header:
            return
        self._size = len(lines[0])
        for line in lines[1:]:
            try:
                content = json.loads(line)
                self._results[content["post"]] = content["result"]
            except (ValueError, KeyError, TypeError):
                return
            self._size += len(line)

    def get(self, post: Post) -> Result | None:
        """What was said of a post, under its own id; None when it was not asked yet."""
        said = self._results.get(digest_of(post.text))
        if said is None:
            return None
        if "error" in said:
            return Rejection(post.id, **said["error"])
        return replace(_PREDICTION.validate_python(said), id=post.id)

    def extend(self, posts: Sequence[Post], results: Sequence[Result]) -> None:
        """Keep what was said of posts, and hand it to the operating system."""
        lines = []
        for post, result in zip(posts, results, strict=True):
            if isinstance(result, Rejection) and result.type == NO_ANSWER:
                continue
            said = {**result.as_dict(), "id": None}
            key = digest_of(post.text)
            self._results[key] = said
            lines.append(_line({"post": key, "result": said}))
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("r+b" if self._size else "wb") as file:
            file.truncate(self._size)
            file.seek(self._size)
            content = b"".join([b"" if self._size else self._header, *lines])
            file.write(content)
        self._size += len(content)

    def remove(self) -> None:
        """Remove the file, if there is one."""
        self.path.unlink(missing_ok=True)


class CachedPredictor:
    """A predictor that is asked only for what it was not asked before.

    Args:
        predictor: The predictor.
        cache: Where what it says is kept.

    Attributes:
        asked: Posts that the predictor itself was asked for.
    """

    def __init__(self, predictor: Predictor, cache: PredictionCache) -> None:
        self.identity, self.taxonomy = predictor.identity, predictor.taxonomy
        self._predictor = predictor
        self._cache = cache
        self.asked = 0

    def predict(self, posts: Sequence[Post]) -> list[Result]:
        """Judge posts, those of the same text once."""
        known = {post.text: self._cache.get(post) for post in posts}
        first = {post.text: post for post in reversed(posts)}
        missing = [first[text] for text, result in known.items() if result is None]
        if missing:
            results = self._predictor.predict(missing)
            self.asked += len(missing)
            self._cache.extend(missing, results)
            known.update((post.text, result) for post, result in zip(missing, results, strict=True))
        return [replace(result, id=post.id) for post in posts if (result := known[post.text]) is not None]


def cache_folder() -> Path:
    """Where predictions are kept: below `$EARSHOT_CACHE`, else below `~/.cache/earshot`."""
    chosen = os.environ.get(CACHE_VARIABLE)
    return (Path(chosen) if chosen else Path.home() / ".cache" / "earshot") / "predictions"


def computation() -> dict[str, str]:
    """What predictions of one bundle depend on besides the bundle: our own code, the runtime, the processor."""
    digest = hashlib.sha256()
    for path in sorted(Path(str(resources.files("earshot"))).glob("*.py")):
        digest.update(path.read_bytes())
    return {
        "code": digest.hexdigest(),
        "onnxruntime": metadata.version("onnxruntime"),
        "processor": f"{platform.machine()}, exact sums {sums_products_exactly()}",
    }


def _line(content: Mapping[str, object]) -> bytes:
    return json.dumps(content, separators=(",", ":")).encode() + b"\n"
