"""A small corpus of Esperanto: sentences made from roots, affixes and endings by the language's sixteen rules.

Grammatical, not sensible: what a model can learn is agreement in number and case, which verbs take objects, what a
preposition or an affix goes with, and how clauses are joined.
"""

from dataclasses import dataclass

import numpy as np

from stages.shared.seeds import derive

PERSONS = (
    "amik",
    "infan",
    "instru",
    "patr",
    "knab",
    "reĝ",
    "kuracist",
    "najbar",
    "student",
    "kant",
    "vojaĝant",
    "fiŝist",
)
BEASTS = ("hund", "kat", "ĉeval", "bird", "fiŝ", "kapr", "leon", "urs", "vulp", "abel")
THINGS = ("libr", "tabl", "dom", "pom", "pan", "akv", "flor", "ŝip", "leter", "kant", "bild", "ĉapel", "ŝlosil", "pont")
PLACES = ("urb", "ĝarden", "arb", "mont", "mar", "river", "strat", "vilaĝ", "kamp", "insul", "merkat", "stacidom")
TIMES = ("maten", "vesper", "nokt", "semajn", "jar", "tag", "printemp", "vintr")
QUALITIES = (
    "bel",
    "grand",
    "bon",
    "nov",
    "jun",
    "fort",
    "ruĝ",
    "blu",
    "nigr",
    "blank",
    "saĝ",
    "ĝoj",
    "varm",
    "rapid",
    "dolĉ",
)
OPPOSED = ("bel", "grand", "bon", "nov", "jun", "fort", "saĝ", "varm", "rapid")  # that take mal-
WITH_OBJECT = (
    "vid",
    "am",
    "hav",
    "aĉet",
    "trov",
    "port",
    "leg",
    "vend",
    "serĉ",
    "memor",
    "pentr",
    "lav",
    "kon",
    "bezon",
)
WITHOUT = ("dorm", "kur", "rid", "kant", "sid", "star", "flug", "naĝ", "danc", "labor", "plor", "vojaĝ")
OF_SPEECH = ("dir", "kred", "sci", "pens", "esper", "aŭd", "tim")
MANNERS = ("rapid", "bel", "bon", "laŭt", "trankvil", "oft", "ĝoj", "fort")
WHERE = ("en", "sur", "apud", "antaŭ", "malantaŭ", "sub", "inter", "ĉe")
NUMBERS = ("du", "tri", "kvar", "kvin", "ses", "sep", "ok", "naŭ", "dek", "cent")
PRONOUNS = {"mi": False, "vi": False, "li": False, "ŝi": False, "ĝi": False, "ni": True, "ili": True}
TENSES = ("as", "as", "is", "is", "is", "os", "us")
JOINING = ("kaj", "sed", "ĉar", "dum", "se", "kvankam")
DETERMINERS = ("la", "la", "la", "", "tiu", "ĉiu", "mia", "via", "lia", "ŝia", "nia", "ilia")
AGREEING = ("tiu", "ĉiu", "mia", "via", "lia", "ŝia", "nia", "ilia")  # which take -j and -n as adjectives do


def sentences(count: int, seed: int) -> list[str]:
    """Return sentences.

    Args:
        count: How many.
        seed: Of all choices. The first ones of a longer corpus are those of a shorter.

    Returns:
        One sentence a line, with a capital letter and a full stop or question mark.
    """
    speaker = _Speaker(np.random.default_rng(derive("esperanto", seed)))
    return [speaker.sentence() for _ in range(count)]


@dataclass(frozen=True)
class _Phrase:
    """A noun phrase in the nominative, with what its endings need."""

    words: tuple[tuple[str, bool], ...]
    """Each word without -n, and whether it takes it."""

    def text(self, accusative: bool = False) -> str:
        return " ".join(word + ("n" if accusative and takes else "") for word, takes in self.words)


class _Speaker:
    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng

    def sentence(self) -> str:
        """Return one sentence of one or two clauses."""
        form = self.rng.random()
        if form < 0.12:
            text, mark = f"ĉu {self.clause()}", "?"
        elif form < 0.3:
            subject = self.subject()
            text, mark = f"{subject} {self.one(OF_SPEECH)}{self.tense()}, ke {self.clause()}", "."
        elif form < 0.45:
            text, mark = f"{self.clause()}, {self.one(JOINING)} {self.clause()}", "."
        elif form < 0.55:
            text, mark = f"{self.time()} {self.clause()}", "."
        else:
            text, mark = self.clause(), "."
        return text[0].upper() + text[1:] + mark

    def clause(self) -> str:
        """Return a subject with a predicate."""
        kind, subject = self.rng.random(), self.subject
        if kind < 0.4:
            words = [subject(), self.one(WITH_OBJECT) + self.tense(), self.noun_phrase(owned=True).text(True)]
            if self.rng.random() < 0.15:  # the ending of the object allows for another order
                words = words[::-1]
        elif kind < 0.7:
            words = [subject(), self.one(WITHOUT) + self.tense()]
        elif kind < 0.85:
            phrase, plural = self.subject_with_number()
            quality = self.quality() + "a" + ("j" if plural else "")
            return f"{phrase} est{self.tense()} {quality}"
        else:
            phrase = self.noun_phrase(persons=True)
            words = [subject(), "don" + self.tense(), self.noun_phrase().text(True), "al", phrase.text()]
        if self.rng.random() < 0.25:
            words.insert(1, self.one(MANNERS) + "e")
        if self.rng.random() < 0.4:
            words.append(self.place())
        return " ".join(words)

    def subject(self) -> str:
        """Return a subject in the nominative."""
        return self.subject_with_number()[0]

    def subject_with_number(self) -> tuple[str, bool]:
        """Return a subject, and whether it is plural."""
        if self.rng.random() < 0.35:
            pronoun = self.one(tuple(PRONOUNS))
            return pronoun, PRONOUNS[pronoun]
        plural = bool(self.rng.random() < 0.4)
        return self.noun_phrase(plural, persons=True).text(), plural

    def noun_phrase(self, plural: bool | None = None, persons: bool = False, owned: bool = False) -> _Phrase:
        """Return a noun with what belongs to it: determiner, number, adjectives, an owner."""
        plural = bool(self.rng.random() < 0.4) if plural is None else plural
        many = "j" if plural else ""
        words: list[tuple[str, bool]] = []
        determiner = self.one(DETERMINERS)
        if determiner in AGREEING:
            words.append((determiner + many, True))
        elif determiner:
            words.append((determiner, False))
        if plural and self.rng.random() < 0.25:
            words.append((self.one(NUMBERS), False))
        for _ in range(int(self.rng.choice(3, p=(0.55, 0.35, 0.1)))):
            words.append((f"{self.quality()}a{many}", True))
        words.append((f"{self.noun(persons)}o{many}", True))
        if owned and self.rng.random() < 0.15:
            words.append((f"de {self.noun_phrase(persons=True).text()}", False))
        return _Phrase(tuple(words))

    def noun(self, persons: bool) -> str:
        """Return the root of a noun, some with suffixes."""
        kind = self.rng.random()
        if persons or kind < 0.3:
            root = self.one(PERSONS if self.rng.random() < 0.65 else BEASTS)
            return root + ("in" if self.rng.random() < 0.3 else "") + ("et" if self.rng.random() < 0.1 else "")
        if kind < 0.75:
            root = self.one(THINGS)
            return root + ("et" if self.rng.random() < 0.15 else "eg" if self.rng.random() < 0.1 else "")
        if kind < 0.9:
            return self.one(PLACES)
        return self.one(WITHOUT) + "ej"

    def quality(self) -> str:
        """Return the root of an adjective, some turned into their opposite."""
        if self.rng.random() < 0.3:
            return "mal" + self.one(OPPOSED)
        return self.one(QUALITIES)

    def place(self) -> str:
        """Return where something happens: a preposition and the nominative."""
        many = "j" if self.rng.random() < 0.2 else ""
        adjective = f"{self.quality()}a{many} " if self.rng.random() < 0.3 else ""
        return f"{self.one(WHERE)} la {adjective}{self.one(PLACES)}o{many}"

    def time(self) -> str:
        """Return when something happens: a preposition, or the accusative of time."""
        if self.rng.random() < 0.5:
            return f"en la {self.one(TIMES)}o"
        return f"{self.one(('tiun', 'ĉiun'))} {self.one(TIMES)}on"

    def tense(self) -> str:
        """Return the ending of a verb."""
        return self.one(TENSES)

    def one(self, choices: tuple[str, ...]) -> str:
        """Return one of some words, the earlier the more often."""
        weights = 1 / np.arange(1, len(choices) + 1)
        return choices[int(self.rng.choice(len(choices), p=weights / weights.sum()))]
