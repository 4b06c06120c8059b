"""How often a post is claimed to be in an unsupported language, and which: `python -m benchmarks.language_claims`.

Of English posts, each claim is a mistake; the posts are the benchmark's where EARSHOT_DATA or ../shared/data has them,
else our own. Of made-up posts in other languages, each that is not claimed is one. Prints counts, never a post.
"""

from __future__ import annotations

import json

from benchmarks.texts import Texts
from earshot.normalization import normalize
from earshot.screening import screen

_LANGUAGES = ("en",)
_FOREIGN = {
    "de": "Ich habe die App gestern installiert und seitdem geht nichts mehr, bitte helfen Sie mir.",
    "es": "Me han cobrado dos veces este mes y nadie me responde, quiero que me devuelvan el dinero.",
    "fr": "Vous avez prélevé deux fois la somme sur mon compte, je veux être remboursé tout de suite.",
    "it": "L'applicazione non funziona più da ieri e il servizio clienti non risponde alla mia richiesta.",
    "nl": "De app werkt niet meer sinds gisteren en ik krijg geen antwoord van jullie klantenservice.",
    "pt": "Vocês cobraram duas vezes no meu cartão e não consigo falar com o suporte, isso é um absurdo.",
    "pl": "Aplikacja nie działa od wczoraj i nie mogę się zalogować, proszę o pomoc w tej sprawie.",
    "sv": "Appen fungerar inte längre och jag kan inte logga in på mitt konto, vad ska jag göra nu?",
    "tr": "Uygulama dünden beri çalışmıyor ve hesabıma giremiyorum, bu çok kötü bir durum, neden böyle?",
    "id": "Aplikasi ini tidak bisa dibuka dari kemarin dan saya sudah kirim email tapi belum ada jawaban.",
    "ru": "Приложение не работает со вчерашнего дня, верните мне деньги за подписку.",
    "ja": "昨日からアプリが起動しません。返金してください。",
    "ar": "التطبيق لا يعمل منذ الأمس وأريد استرداد المبلغ المدفوع.",
    "zh": "应用程序从昨天开始无法打开，请退款。",
    "hi": "ऐप कल से काम नहीं कर रहा है, कृपया मेरे पैसे वापस करें।",
}


def _claims(text: str) -> bool:
    return "unsupported_language" in screen(normalize(text), _LANGUAGES).reasons


def main() -> None:
    """Count claims."""
    found = Texts.find()
    claimed = sum(map(_claims, found.texts))
    missed = [language for language, text in _FOREIGN.items() if not _claims(text)]
    print(
        json.dumps(
            {
                "measured": "language-claims",
                "english_posts": found.name,
                "n": len(found.texts),
                "claimed_foreign": claimed,
                "share": round(claimed / len(found.texts), 5),
                "foreign_samples": len(_FOREIGN),
                "foreign_samples_not_claimed": missed,
            }
        )
    )


if __name__ == "__main__":
    main()
