from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earshot.language import foreign_language

FOREIGN = {
    "Mein Paket ist immer noch nicht angekommen": "de",
    "Danke für den tollen Service": "de",
    "Votre application ne marche plus depuis ce matin": "fr",
    "Hola no puedo entrar en mi cuenta desde ayer": "es",
    "Me han cobrado dos veces este mes": "es",
    "Il mio ordine non è ancora arrivato": "it",
    "Não consigo entrar na minha conta": "pt",
    "Ik heb mijn bestelling nog steeds niet ontvangen": "nl",
    "Hej jag har inte fått mitt paket": "sv",
    "Nie mogę się zalogować do aplikacji": "pl",
    "Neden bu kadar yavaş": "tr",
    "Kenapa saya tidak bisa login": "id",
}
ENGLISH = (
    "no me gusta is what she said to the agent",
    "de facto the app is down",
    "En route to LA via San Jose",
    "Voilà my order finally came",
    "Die Hard is on again",
    "Mash 'im boil 'im stick 'im in a stew",
    "refund now please",
    "",
)


@pytest.mark.parametrize(("text", "language"), FOREIGN.items())
def test_a_foreign_sentence_is_recognized(text: str, language: str) -> None:
    assert foreign_language(text.split(), ["en"]) == language
    assert foreign_language(text.upper().split(), ["en"]) == language


@pytest.mark.parametrize("text", ENGLISH)
def test_english_with_foreign_words_is_english(text: str) -> None:
    assert foreign_language(text.split(), ["en"]) is None


@pytest.mark.parametrize(("text", "language"), FOREIGN.items())
def test_a_language_of_the_model_is_not_foreign(text: str, language: str) -> None:
    assert foreign_language(text.split(), ["en", language]) is None


@given(st.sampled_from([text.split() for text in FOREIGN]))
def test_nothing_is_claimed_against_a_language_that_is_not_known_here(words: list[str]) -> None:
    assert foreign_language(words, ["fi"]) is None
    assert foreign_language(words, ["en", "ja"]) is None
