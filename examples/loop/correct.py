"""Plays the people: sends labelled posts to the service as if they came in, and says of each what is right.

python correct.py SERVICE_URL POSTS.jsonl
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from earshot.client import Client
from earshot.post import Post, Prediction

_AT_ONCE = 100


def main(service: str, file: Path) -> None:
    """Send all posts of a file, and correct each."""
    posts = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    corrected = 0
    with Client(service) as client:
        for start in range(0, len(posts), _AT_ONCE):
            some = posts[start : start + _AT_ONCE]
            answer = client.classify([Post(post["text"], post["id"]) for post in some])
            for post, prediction in zip(some, answer.results, strict=True):
                if not isinstance(prediction, Prediction):
                    continue  # a post that cannot be judged has nothing to correct
                corrected += prediction.category != post["category"]
                client.give_feedback(
                    post["text"],
                    prediction,
                    answer.model,
                    category=post["category"],
                    secondary=post["secondary"],
                    urgency=post["urgency"],
                    reviewer="loop",
                    idempotency_key=post["id"],
                )
    print(f"{len(posts)} posts came in, {corrected} of them were corrected")  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
