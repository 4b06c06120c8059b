"""Plays the people: sends labelled posts to the service as if they came in, and says of each what is right.

python correct.py SERVICE_URL POSTS.jsonl
"""

from __future__ import annotations

import json
import sys
import urllib.request
from pathlib import Path
from typing import Any

_AT_ONCE = 100


def call(url: str, body: dict[str, Any]) -> dict[str, Any]:
    """Send JSON, get JSON."""
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})  # noqa: S310
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310  # the service's own address
        said: dict[str, Any] = json.load(answer)
    return said


def main(service: str, file: Path) -> None:
    """Send all posts of a file, and correct each."""
    posts = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    corrected = 0
    for start in range(0, len(posts), _AT_ONCE):
        some = posts[start : start + _AT_ONCE]
        said = call(f"{service}/v1/classify", {"posts": [{"id": post["id"], "text": post["text"]} for post in some]})
        for post, result in zip(some, said["results"], strict=True):
            corrected += result["category"] != post["category"]
            call(
                f"{service}/v1/feedback",
                {
                    "id": post["id"],
                    "text": post["text"],
                    "prediction": {
                        "model_digest": said["model"]["digest"],
                        "category": result["category"],
                        "urgency": result["urgency"],
                    },
                    "correction": {
                        "category": post["category"],
                        "secondary": post["secondary"],
                        "urgency": post["urgency"],
                    },
                    "reviewer": "loop",
                    "idempotency_key": post["id"],
                },
            )
    print(f"{len(posts)} posts came in, {corrected} of them were corrected")  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
