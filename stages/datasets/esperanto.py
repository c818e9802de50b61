"""A small corpus of Esperanto: sentences made from roots, affixes and endings by the language's sixteen rules.

Sentences are grammatical, but mean little: a model can learn agreement in number and case, which verbs take objects,
which words follow a preposition or carry an affix, and how clauses are joined.
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
ANIMALS = ("hund", "kat", "ĉeval", "bird", "fiŝ", "kapr", "leon", "urs", "vulp", "abel")
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
WITH_OPPOSITE = ("bel", "grand", "bon", "nov", "jun", "fort", "saĝ", "varm", "rapid")
"""Qualities that have an opposite, with the prefix mal-."""
TRANSITIVE_VERBS = (
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
INTRANSITIVE_VERBS = ("dorm", "kur", "rid", "kant", "sid", "star", "flug", "naĝ", "danc", "labor", "plor", "vojaĝ")
SPEECH_VERBS = ("dir", "kred", "sci", "pens", "esper", "aŭd", "tim")
ADVERBS = ("rapid", "bel", "bon", "laŭt", "trankvil", "oft", "ĝoj", "fort")
PREPOSITIONS = ("en", "sur", "apud", "antaŭ", "malantaŭ", "sub", "inter", "ĉe")
NUMBERS = ("du", "tri", "kvar", "kvin", "ses", "sep", "ok", "naŭ", "dek", "cent")
PRONOUNS = {"mi": False, "vi": False, "li": False, "ŝi": False, "ĝi": False, "ni": True, "ili": True}
TENSES = ("as", "as", "is", "is", "is", "os", "us")
CONJUNCTIONS = ("kaj", "sed", "ĉar", "dum", "se", "kvankam")
DETERMINERS = ("la", "la", "la", "", "tiu", "ĉiu", "mia", "via", "lia", "ŝia", "nia", "ilia")
INFLECTED_DETERMINERS = (
    "tiu",
    "ĉiu",
    "mia",
    "via",
    "lia",
    "ŝia",
    "nia",
    "ilia",
)
"""Determiners that take the endings -j and -n, as adjectives do."""


def make_sentences(count: int, seed: int) -> list[str]:
    """Make a corpus of random sentences.

    Args:
        count: Number of sentences.
        seed: Seed of all choices. A longer corpus begins with the sentences of a shorter one of the same seed.

    Returns:
        The sentences, each with a capital letter and a full stop or question mark.
    """
    speaker = _Speaker(np.random.default_rng(derive("esperanto", seed)))
    return [speaker.sentence() for _ in range(count)]


@dataclass(frozen=True)
class _Phrase:
    """A noun phrase in the nominative, which can be put into the accusative."""

    words: tuple[tuple[str, bool], ...]
    """Each word without the ending -n, and whether it takes that ending."""

    def text(self, accusative: bool = False) -> str:
        """Return the words, in the nominative or the accusative."""
        return " ".join(word + ("n" if accusative and takes else "") for word, takes in self.words)


class _Speaker:
    """Draws sentences and their parts at random."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng

    def sentence(self) -> str:
        """Return one sentence of one or two clauses."""
        form = self.rng.random()
        if form < 0.12:
            text, mark = f"ĉu {self.clause()}", "?"
        elif form < 0.3:
            subject = self.subject()
            text, mark = f"{subject} {self.one(SPEECH_VERBS)}{self.tense()}, ke {self.clause()}", "."
        elif form < 0.45:
            text, mark = f"{self.clause()}, {self.one(CONJUNCTIONS)} {self.clause()}", "."
        elif form < 0.55:
            text, mark = f"{self.time()} {self.clause()}", "."
        else:
            text, mark = self.clause(), "."
        return text[0].upper() + text[1:] + mark

    def clause(self) -> str:
        """Return a subject with a predicate."""
        kind, subject = self.rng.random(), self.subject
        if kind < 0.4:
            words = [subject(), self.one(TRANSITIVE_VERBS) + self.tense(), self.noun_phrase(owned=True).text(True)]
            if self.rng.random() < 0.15:  # the ending of the object allows for another order
                words = words[::-1]
        elif kind < 0.7:
            words = [subject(), self.one(INTRANSITIVE_VERBS) + self.tense()]
        elif kind < 0.85:
            phrase, plural = self.subject_with_number()
            quality = self.quality() + "a" + ("j" if plural else "")
            return f"{phrase} est{self.tense()} {quality}"
        else:
            phrase = self.noun_phrase(persons=True)
            words = [subject(), "don" + self.tense(), self.noun_phrase().text(True), "al", phrase.text()]
        if self.rng.random() < 0.25:
            words.insert(1, self.one(ADVERBS) + "e")
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
        """Return a noun with a determiner, and perhaps a number, adjectives and an owner."""
        plural = bool(self.rng.random() < 0.4) if plural is None else plural
        many = "j" if plural else ""
        words: list[tuple[str, bool]] = []
        determiner = self.one(DETERMINERS)
        if determiner in INFLECTED_DETERMINERS:
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
        """Return the root of a noun, perhaps with suffixes."""
        kind = self.rng.random()
        if persons or kind < 0.3:
            root = self.one(PERSONS if self.rng.random() < 0.65 else ANIMALS)
            return root + ("in" if self.rng.random() < 0.3 else "") + ("et" if self.rng.random() < 0.1 else "")
        if kind < 0.75:
            root = self.one(THINGS)
            return root + ("et" if self.rng.random() < 0.15 else "eg" if self.rng.random() < 0.1 else "")
        if kind < 0.9:
            return self.one(PLACES)
        return self.one(INTRANSITIVE_VERBS) + "ej"

    def quality(self) -> str:
        """Return the root of an adjective, perhaps turned into its opposite."""
        if self.rng.random() < 0.3:
            return "mal" + self.one(WITH_OPPOSITE)
        return self.one(QUALITIES)

    def place(self) -> str:
        """Return an adverbial of place: a preposition and the nominative."""
        many = "j" if self.rng.random() < 0.2 else ""
        adjective = f"{self.quality()}a{many} " if self.rng.random() < 0.3 else ""
        return f"{self.one(PREPOSITIONS)} la {adjective}{self.one(PLACES)}o{many}"

    def time(self) -> str:
        """Return an adverbial of time: with a preposition, or the accusative of time."""
        if self.rng.random() < 0.5:
            return f"en la {self.one(TIMES)}o"
        return f"{self.one(('tiun', 'ĉiun'))} {self.one(TIMES)}on"

    def tense(self) -> str:
        """Return the ending of a verb."""
        return self.one(TENSES)

    def one(self, choices: tuple[str, ...]) -> str:
        """Return one of some words, drawn with a probability proportional to 1 / position."""
        weights = 1 / np.arange(1, len(choices) + 1)
        return choices[int(self.rng.choice(len(choices), p=weights / weights.sum()))]
