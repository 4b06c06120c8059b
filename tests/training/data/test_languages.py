from __future__ import annotations

import pytest

from training.data.languages import UNKNOWN, languages


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("My parcel never arrived and nobody answers the phone, what now?", "en"),
        ("Meine Lieferung kam nie an und niemand geht ans Telefon, was nun?", "de"),
        ("Mon colis n'est jamais arrivé et personne ne répond au téléphone.", "fr"),
        ("配達がまだ届きません。サポートに電話しても誰も出ないのですが、どうすればいいですか。", "ja"),
        ("MY PARCEL NEVER ARRIVED AND NOBODY ANSWERS THE PHONE", "en"),
        ("Danke!", UNKNOWN),
        ("@Kundenservice @Spedition #Verspätung www.beispiel.de/lieferung/verloren", UNKNOWN),
    ],
)
def test_a_language_is_claimed_only_where_it_can_be_told(text: str, language: str) -> None:
    assert languages([text]) == [language]
