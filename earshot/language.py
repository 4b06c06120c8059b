"""Which language a text is plainly written in, by its commonest words. Knows nothing of models or decisions.

A claim means that a person looks at the post, so it is made only when it is plain: a text that holds two of the
commonest words of a language, and hardly any of the model's own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

_COMMONEST = {
    "de": "und der das ist nicht ich sie mit wir auf ein eine einen für es im dem den zu von bei noch auch mein "
    "meine wie wird haben hat sich kein keine aber nach wo seit nur schon immer bitte danke warum ihr euch",
    "en": "the and to of is it you for that my have with this was not are be on your but at so just they we can an "
    "in me do from all if when no what out get will has or how been would as by he she them there their more "
    "about up now any one don like new why who our had his her its were than then did does isn didn",
    "es": "el los las que de no es una un por para con mi lo se la su está pero como más muy me te gracias desde "
    "cuando hola porque esta este todo ya han hace qué del al",
    "fr": "le les des est pas je vous une un et pour dans sur que qui ce avec mon mes ma nous il elle ne plus mais "
    "au du la très merci bonjour depuis toujours votre vos aussi être fait comme",
    "id": "yang dan di tidak saya ini itu untuk dengan ada sudah bisa dari ke tapi kenapa mau apa juga belum karena "
    "aku banget nggak gak",
    "it": "il che non è una un per di con mi sono la le gli del della ma come più ho si anche questo questa grazie "
    "ciao perché da ancora mio mia molto quando nel alla sempre",
    "nl": "de het een en van ik niet is dat je op te voor met zijn maar mijn er aan ook naar bij nog wat al wel "
    "waarom kan geen heb heeft jullie dit deze worden omdat hoe",
    "pl": "nie na się to jest że do mam czy jak już mnie od po dla ale co moje mój proszę dlaczego tylko bardzo jestem",
    "pt": "que não é uma um para com de os as eu meu minha está mas por se mais muito do da no na em como obrigado "
    "isso já foi ao vocês você porque quando ainda tem",
    "sv": "och det att är inte jag en på för med som har av om den till ni ett men var så kan mitt min från när "
    "varför hur hej tack vi",
    "tr": "bir ve bu için çok değil mi ne da de ama var yok daha ben neden nasıl olarak gibi kadar lütfen sonra hala",
}
_LANGUAGES_OF: dict[str, list[str]] = {}
for _language, _words in _COMMONEST.items():
    for _word in _words.split():
        _LANGUAGES_OF.setdefault(_word, []).append(_language)

_MIN_FOUND = 2
_MIN_SHARE = 0.2
_MIN_ADVANTAGE = 2


def foreign_language(words: Sequence[str], languages: Sequence[str]) -> str | None:
    """Tell a language in which the words are plainly written and which is none of the given ones.

    Args:
        words: The words of a text; each counts once, however often it stands there.
        languages: ISO 639-1 codes; when the commonest words of one of them are not known here, nothing is claimed.

    Returns:
        The language's ISO 639-1 code, or None when no claim can be made.
    """
    if not _COMMONEST.keys() >= set(languages):
        return None
    different = dict.fromkeys(word.lower() for word in words)  # in their order, so that a tie is always decided alike
    found = Counter(language for word in different for language in _LANGUAGES_OF.get(word, ()))
    own = max((found.pop(language, 0) for language in languages), default=0)
    if not found:
        return None
    ((foreign, count),) = found.most_common(1)
    enough = max(_MIN_FOUND, _MIN_SHARE * len(different), _MIN_ADVANTAGE * own + 1)
    return foreign if count >= enough else None
