from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from earshot.pipeline import Pipeline
from earshot.post import Post, Rejection, Result
from eval.prediction_cache import NO_ANSWER, CachedPredictor, PredictionCache

POSTS = [Post("where is my refund", "a"), Post("it leaked", "b"), Post("where is my refund", "c"), Post(" ", "d")]


class Counting:
    """A pipeline that counts, and may stop working after so many calls."""

    def __init__(self, pipeline: Pipeline, *, calls: int = 1000) -> None:
        self.identity, self.taxonomy = pipeline.identity, pipeline.taxonomy
        self._pipeline, self._calls = pipeline, calls
        self.texts: list[str] = []

    def predict(self, posts: Sequence[Post]) -> list[Result]:
        if not self._calls:
            raise RuntimeError("crashed")
        self._calls -= 1
        self.texts += [post.text for post in posts]
        return self._pipeline.predict(posts)


@pytest.fixture
def cache(tmp_path: Path) -> PredictionCache:
    return PredictionCache(tmp_path, {"digest": "sha256:1"})


def _again(cache: PredictionCache, digest: str = "sha256:1") -> PredictionCache:
    return PredictionCache(cache.path.parent, {"digest": digest})


def test_what_is_kept_is_said_again_to_the_last_digit_under_the_posts_own_id(
    cache: PredictionCache, pipeline: Pipeline
) -> None:
    first = CachedPredictor(pipeline, cache).predict(POSTS)
    counting = Counting(pipeline)
    assert CachedPredictor(counting, _again(cache)).predict(POSTS) == first == pipeline.predict(POSTS)
    assert counting.texts == []


def test_a_text_is_asked_for_once(cache: PredictionCache, pipeline: Pipeline) -> None:
    counting = Counting(pipeline)
    CachedPredictor(counting, cache).predict(POSTS)
    assert counting.texts == ["where is my refund", "it leaked", " "]


def test_another_model_is_asked_anew(cache: PredictionCache, pipeline: Pipeline) -> None:
    CachedPredictor(pipeline, cache).predict(POSTS)
    counting = Counting(pipeline)
    CachedPredictor(counting, _again(cache, "sha256:2")).predict(POSTS)
    assert len(counting.texts) == 3


def test_a_rerun_after_a_crash_goes_on_where_it_stopped(cache: PredictionCache, pipeline: Pipeline) -> None:
    crashing = CachedPredictor(Counting(pipeline, calls=1), cache)
    crashing.predict(POSTS[:1])
    with pytest.raises(RuntimeError):
        crashing.predict(POSTS)
    counting = Counting(pipeline)
    CachedPredictor(counting, _again(cache)).predict(POSTS)
    assert counting.texts == ["it leaked", " "]


@pytest.mark.parametrize("torn", [b'{"post": "', b'{"post": 1}\n', b"\xff\xfe\n"])
def test_a_torn_line_is_asked_for_again_and_written_over(
    cache: PredictionCache, pipeline: Pipeline, torn: bytes
) -> None:
    CachedPredictor(pipeline, cache).predict(POSTS[:1])
    whole = cache.path.read_bytes()
    cache.path.write_bytes(whole + torn)
    CachedPredictor(pipeline, _again(cache)).predict(POSTS[:2])
    assert cache.path.read_bytes().startswith(whole + b'{"post":"')
    counting = Counting(pipeline)
    CachedPredictor(counting, _again(cache)).predict(POSTS[:2])
    assert counting.texts == []


def test_no_text_is_kept(cache: PredictionCache, pipeline: Pipeline) -> None:
    CachedPredictor(pipeline, cache).predict(POSTS)
    assert b"refund" not in cache.path.read_bytes()


def test_an_answer_that_never_came_is_not_kept(cache: PredictionCache) -> None:
    cache.extend(POSTS[:1], [Rejection("a", NO_ANSWER, "t", "d")])
    assert _again(cache).get(POSTS[0]) is None
