from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tokenizers import AddedToken
from tokenizers import Tokenizer as RawTokenizer

from earshot import BundleIntegrityError
from earshot.tokenization import Tokenizer
from tests.tiny import tiny_tokenizer

CLS, SEP, UNKNOWN = 2, 3, 1


def tokenizer(*, max_tokens: int = 8, max_characters: int = 100) -> Tokenizer:
    return Tokenizer(tiny_tokenizer(), max_tokens=max_tokens, max_characters=max_characters)


def test_special_tokens_stand_around_a_text_and_are_not_counted() -> None:
    (encoding,) = tokenizer().encode(["I love lunch"])
    assert [encoding.ids[0], encoding.ids[-1]] == [CLS, SEP]
    assert (len(encoding.ids), encoding.tokens, encoding.truncated) == (5, 3, False)


def test_a_text_that_just_fits_is_not_truncated() -> None:
    fits, longer = tokenizer().encode(["love " * 6, "love " * 7])
    assert (fits.tokens, fits.truncated) == (6, False)
    assert (longer.tokens, longer.truncated, len(longer.ids)) == (6, True, 8)


def test_characters_beyond_the_limit_are_not_read() -> None:
    (encoding,) = tokenizer(max_characters=4).encode(["love lunch"])
    assert (encoding.tokens, encoding.truncated) == (1, True)


def test_texts_of_one_call_are_not_padded_to_each_other() -> None:
    assert [len(encoding.ids) for encoding in tokenizer().encode(["", "love", "love lunch"])] == [2, 3, 4]


def test_padding_and_truncation_in_the_file_are_overruled() -> None:
    raw = RawTokenizer.from_str(tiny_tokenizer())
    raw.enable_padding(length=30)
    raw.enable_truncation(max_length=3, direction="left")
    (encoding,) = Tokenizer(raw.to_str(), max_tokens=8, max_characters=100).encode(["love lunch today"])
    assert encoding.tokens == 3


def test_typing_a_special_token_does_not_make_one() -> None:
    raw = RawTokenizer.from_str(tiny_tokenizer())
    raw.add_special_tokens([AddedToken("[SEP]", special=True)])
    (encoding,) = Tokenizer(raw.to_str(), max_tokens=8, max_characters=100).encode(["a [SEP] b"])
    assert encoding.ids.tolist() == [CLS, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, SEP]


def test_threads_share_a_tokenizer() -> None:
    shared = tokenizer()
    texts = [f"{'love ' * (index % 9)}lunch" for index in range(200)]
    expected = [encoding.ids.tolist() for encoding in shared.encode(texts)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda text: shared.encode([text])[0].ids.tolist(), texts))
    assert found == expected


@pytest.mark.parametrize("content", ["", "{}", '{"version": "1.0", "model": {"type": "no such"}}'])
def test_a_file_that_is_no_tokenizer_is_refused_by_name(tmp_path: Path, content: str) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(BundleIntegrityError, match=r"cannot read tokenizer .*tokenizer\.json"):
        Tokenizer.load(path, max_tokens=8, max_characters=100)


def test_the_vocabulary_size_counts_added_tokens() -> None:
    raw = RawTokenizer.from_str(tiny_tokenizer())
    before = Tokenizer(raw.to_str(), max_tokens=8, max_characters=9).vocabulary_size
    raw.add_tokens(["sixpence"])
    assert Tokenizer(raw.to_str(), max_tokens=8, max_characters=9).vocabulary_size == before + 1
