from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from earshot.feedback import digest_of
from earshot.feedback.correction import storable
from earshot.normalization import normalize
from tests.feedback import correction


def test_the_digest_is_the_usual_one_of_utf_8() -> None:
    # printf 'Größe' | sha256sum
    assert digest_of("Größe") == "aedc3f80989a6546962705852b2f4a481dbd1e490760693525c3724bacab3f50"


@given(st.text(st.characters(), max_size=40) | st.text(st.sampled_from("a\0\ud83d\ude00 &amp;"), max_size=40))
def test_no_model_sees_what_is_left_out(text: str) -> None:
    storable(text).encode()
    assert "\0" not in storable(text)
    assert normalize(storable(text)) == normalize(text)


def test_what_is_said_twice_has_one_fingerprint_whoever_sends_it_under_whichever_key() -> None:
    assert correction(key="a", caller="x").fingerprint == correction(key="b", caller="y").fingerprint


def test_whatever_is_said_otherwise_has_another_fingerprint() -> None:
    one = correction()
    others = [
        correction(category="praise"),
        correction(urgency="high"),
        correction(secondary=("complaint",)),
        correction(reviewer="ada"),
        correction(text="other"),
        replace(one, note="look"),
        replace(one, predicted=replace(one.predicted, confidence=0.6)),
    ]
    assert len({one.fingerprint, *(other.fingerprint for other in others)}) == 1 + len(others)
