"""The corpus holds to the grammar that it is made by, checked word by word from the endings alone."""

import re
from collections import Counter

import pytest

from stages.datasets.esperanto import (
    INFLECTED_DETERMINERS,
    NUMBERS,
    PREPOSITIONS,
    PRONOUNS,
    QUALITIES,
    WITH_OPPOSITE,
    make_sentences,
)

CORPUS = make_sentences(1500, 0)
LITTLE = {
    "la",
    "ĉu",
    "ke",
    "kaj",
    "sed",
    "ĉar",
    "dum",
    "se",
    "kvankam",
    "al",
    "de",
    *PREPOSITIONS,
    *NUMBERS,
    *PRONOUNS,
    *INFLECTED_DETERMINERS,
}
ENDINGS = re.compile(r"(o|oj|on|ojn|a|aj|an|ajn|e|as|is|os|us)$")


def words(sentence):
    return re.findall(r"\w+", sentence.lower())


def test_the_same_seed_gives_the_same_sentences_and_a_longer_corpus_begins_with_a_shorter():
    assert make_sentences(50, 0) == CORPUS[:50]
    assert make_sentences(50, 1) != CORPUS[:50]


def test_sentences_begin_with_a_capital_and_end_with_a_mark():
    for sentence in CORPUS:
        assert sentence[0].isupper()
        assert sentence[-1] in ".?"
        assert (sentence[-1] == "?") == sentence.startswith("Ĉu ")
        assert "  " not in sentence


def test_every_word_is_a_small_word_or_has_an_ending():
    for sentence in CORPUS:
        for word in words(sentence):
            stem = word.removesuffix("n").removesuffix("j")
            assert word in LITTLE or stem in INFLECTED_DETERMINERS or ENDINGS.search(word), (word, sentence)


def test_adjectives_and_determiners_before_a_noun_have_its_number_and_case():
    found = Counter()
    for sentence in CORPUS:
        told = words(sentence)
        for before, noun in zip(told, told[1:], strict=False):
            ending = re.search(r"o(j?n?)$", noun)
            if not ending or noun in PRONOUNS:
                continue
            own = re.search(r"a(j?n?)$", before)
            if own and before not in ("la",) and not before.endswith("as"):
                assert own[1] == ending[1], sentence
                found[ending[1]] += 1
            root = before.removesuffix("n").removesuffix("j")
            if root in ("tiu", "ĉiu"):
                assert before[len(root) :] == ending[1], sentence
    assert set(found) == {"", "j", "n", "jn"}
    assert min(found.values()) > 20


def test_predicates_of_esti_agree_with_their_subject():
    seen = Counter()
    for sentence in CORPUS:
        for subject, quality in re.findall(r"(\w+) est(?:as|is|os|us) (\w+)", sentence.lower()):
            plural = PRONOUNS.get(subject, subject.endswith("j"))
            assert quality.endswith("aj" if plural else "a"), sentence
            seen[plural] += 1
    assert min(seen.values()) > 10


def test_numbers_stand_before_plural_nouns():
    for sentence in CORPUS:
        told = words(sentence)
        for place, word in enumerate(told):
            if word in NUMBERS:
                following = next(later for later in told[place + 1 :] if re.search(r"oj?n?$", later))
                assert re.search(r"ojn?$", following), sentence


def test_nouns_after_prepositions_are_nominative():
    for sentence in CORPUS:
        for noun in re.findall(rf"\b(?:{'|'.join(PREPOSITIONS)}|al|de) (?:\w+ )*?(\w+o(?:jn?|n)?)\b", sentence.lower()):
            assert not noun.endswith("n"), sentence


@pytest.mark.parametrize("root", WITH_OPPOSITE)
def test_opposites_are_of_qualities(root):
    assert root in QUALITIES
