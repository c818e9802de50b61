"""Text becomes full blocks of tokens, the same each time, that decode to the text."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer

from stages.datasets.dataset import load_dataset
from stages.datasets.esperanto import make_sentences
from stages.datasets.sources.texts import EsperantoSource, TextSource
from stages.datasets.splits import Evaluation, Splits, save_dataset
from stages.datasets.text import END, SPECIAL, load_text, train_tokenizer
from stages.networks.masking import MASK, SPECIAL_TOKENS
from stages.shared.errors import UserError
from stages.shared.files import read_arrays

CUT = {"vocabulary": 300, "block": 16, "test_fraction": 0.2, "evaluation_examples": 5, "evaluation_seed": 0}
SOURCE = EsperantoSource(source="esperanto", sentences=200, seed=0, **CUT)
ROOT = Path(__file__).parents[2]


def text(tmp_path, content, **changes):
    (tmp_path / "mine.txt").write_bytes(content if isinstance(content, bytes) else content.encode())
    return TextSource(source="text", file=str(tmp_path / "mine.txt"), **(CUT | changes))


def test_the_blocks_decode_to_the_lines_in_order():
    splits = load_text("corpus", SOURCE)
    tokenizer = Tokenizer.from_str(splits.tokenizer.decode())
    lines = make_sentences(200, 0)
    for blocks, wanted in ((splits.train_x, lines[:160]), (splits.test_x, lines[160:])):
        assert blocks.shape[1] == 16
        parts = np.split(blocks.ravel(), np.flatnonzero(blocks.ravel() == END) + 1)
        told = [tokenizer.decode(part.tolist()) for part in parts[:-1]]
        assert told == wanted[: len(told)]
        assert len(told) >= len(wanted) - 6  # what is left at the end is less than a block
    assert splits.classes == 300
    assert splits.evaluation == Evaluation(5, 0)
    assert not splits.train_y.any()


def test_special_tokens_are_robertas_and_masking_knows_them():
    tokenizer = Tokenizer.from_str(load_text("corpus", SOURCE).tokenizer.decode())
    assert [tokenizer.token_to_id(token) for token in SPECIAL] == list(range(SPECIAL_TOKENS))
    assert tokenizer.token_to_id("<mask>") == MASK
    assert END == 2


def test_the_tokenizer_is_the_same_in_every_process():
    code = (
        "import hashlib; from stages.datasets.esperanto import make_sentences; from stages.datasets.text import "
        "train_tokenizer; tokenizer = train_tokenizer(make_sentences(300, 0), 320); "
        "print(hashlib.md5(tokenizer.to_str().encode()).hexdigest())"
    )
    found = set()
    for seed in ("0", "1"):
        environment = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
        found.add(done.stdout)
    assert len(found) == 1


def test_the_tokenizer_has_not_seen_the_test_part():
    splits = load_text("corpus", SOURCE)
    alone = train_tokenizer(make_sentences(200, 0)[:160], 300)
    assert splits.tokenizer.decode() == alone.to_str()


def test_any_bytes_come_back(tmp_path):
    content = "ŝipo 日本語 🙂 ĉevalo\nMi vidas ĝin.\r\n\n  \n" * 60
    splits = load_text("mine", text(tmp_path, content))
    tokenizer = Tokenizer.from_str(splits.tokenizer.decode())
    assert tokenizer.decode(splits.train_x.ravel()[:60].tolist()).startswith("ŝipo 日本語 🙂 ĉevaloMi vidas ĝin.")


def test_a_text_survives_the_way_through_its_file(tmp_path):
    splits = load_text("corpus", SOURCE)
    path = tmp_path / "corpus.safetensors"
    checksum = save_dataset(path, "corpus", splits)
    first = path.read_bytes()
    dataset = load_dataset(path)
    np.testing.assert_array_equal(dataset.train_x, splits.train_x)
    assert dataset.train_x.dtype.is_floating_point is False
    assert (dataset.classes, dataset.evaluation, dataset.shape) == (300, Evaluation(5, 0), (16,))
    assert read_arrays(path)[0]["tokenizer"].tobytes() == splits.tokenizer
    assert save_dataset(path, "corpus", load_text("corpus", SOURCE)) == checksum == dataset.checksum
    assert path.read_bytes() == first
    other = SOURCE.model_copy(update={"evaluation_seed": 1})
    assert (
        save_dataset(path, "corpus", load_text("corpus", other)) != checksum
    )  # which losses are of is part of the data


LINE = "Mi vidas la domon kaj {} la arbon."


def ends(splits):
    return int((splits.train_x == END).sum() + (splits.test_x == END).sum())


def told(splits):
    """Return all lines of the two splits that are whole, as the tokenizer decodes them."""
    tokenizer = Tokenizer.from_str(splits.tokenizer.decode())
    whole = []
    for blocks in (splits.train_x.ravel(), splits.test_x.ravel()):
        parts = np.split(blocks, np.flatnonzero(blocks == END) + 1)
        whole += [tokenizer.decode(part[:-1].tolist(), skip_special_tokens=False) for part in parts[:-1]]
    return whole


@pytest.mark.parametrize("word", SPECIAL)
def test_a_special_token_spelled_out_is_ordinary_text(tmp_path, word):
    splits = load_text("mine", text(tmp_path, f"{LINE.format(word)} {word * 2}x{word}\n" * 60))
    for blocks in (splits.train_x, splits.test_x):
        assert set(blocks[blocks < SPECIAL_TOKENS].tolist()) == {END}
    assert ends(splits) in (58, 59, 60)  # the remainders of both splits are dropped
    assert set(told(splits)) == {f"{LINE.format(word)} {word * 2}x{word}"}


def test_merges_never_spell_a_special_token():
    tokenizer = train_tokenizer([f"{word} {word}{word}" for word in SPECIAL] * 100, 1000)
    for word in SPECIAL:
        tokens = tokenizer.encode(word, add_special_tokens=False).ids
        assert min(tokens) >= SPECIAL_TOKENS
        assert tokenizer.decode(tokens) == word


@pytest.mark.parametrize("character", list("\u2028\u2029\x85\f\v\x1c\x1d\x1e\x1f\ufeff\xa0"), ids=ascii)
def test_a_line_ends_at_line_feeds_and_carriage_returns_alone(tmp_path, character):
    line = LINE.format(f"a{character}b")
    splits = load_text("mine", text(tmp_path, f"{line}\n{line}\r\n{line}\r" * 20))
    assert ends(splits) in (58, 59, 60)
    assert set(told(splits)) == {line}


def test_white_space_at_the_ends_of_a_line_is_dropped(tmp_path):
    plain = LINE.format("a")
    splits = load_text("mine", text(tmp_path, f" \f{plain}\xa0\u2028\n \t\n\u3000\n" * 60))
    assert ends(splits) in (58, 59, 60)
    assert set(told(splits)) == {plain}


def test_a_byte_order_mark_changes_nothing(tmp_path):
    content = (LINE.format("a") + "\n") * 60
    plain = load_text("mine", text(tmp_path, content))
    marked = load_text("mine", text(tmp_path, content.encode("utf-8-sig")))
    np.testing.assert_array_equal(marked.train_x, plain.train_x)
    assert marked.tokenizer == plain.tokenizer


SENTENCES = "Mi vidas la arbon.\n" * 60
WRONG = {
    "no UTF-8": (b"\xe9t\xe9 " * 400, "is no UTF-8 text .invalid continuation byte.; convert it to UTF-8"),
    "UTF-16": (SENTENCES.encode("utf-16"), "is no UTF-8 text .UTF-16 or UTF-32.; convert it to UTF-8"),
    "UTF-16, big-endian": (b"\xfe\xff" + SENTENCES.encode("utf-16-be"), "UTF-16 or UTF-32"),
    "UTF-32": (SENTENCES.encode("utf-32"), "UTF-16 or UTF-32"),
    "UTF-16 without a mark": (SENTENCES.encode("utf-16-le"), "holds null characters"),
    "empty": ("", "training part of its text has fewer than 16 tokens"),
    "one line": ("Mi vidas la grandan domon kaj la malgrandan arbon." * 9, "test part of its text has fewer"),
}


@pytest.mark.parametrize("fault", WRONG)
def test_a_text_that_cannot_be_used_is_named(tmp_path, fault):
    content, words = WRONG[fault]
    with pytest.raises(UserError, match=rf"datasets\.mine.*{words}"):
        load_text("mine", text(tmp_path, content))


def test_a_missing_file_is_named(tmp_path):
    source = TextSource(source="text", file=str(tmp_path / "none.txt"), **CUT)
    with pytest.raises(UserError, match=r"datasets\.mine\.file: .*none\.txt is missing"):
        load_text("mine", source)


@pytest.mark.parametrize("blocks", [np.zeros((3, 4)), np.zeros((3,), int), np.zeros((0, 4), int), np.full((3, 4), 300)])
def test_what_is_no_blocks_of_tokens_is_refused(tmp_path, blocks):
    good = np.zeros((2, 4), dtype=np.int64)
    splits = Splits(blocks, np.zeros(len(blocks), int), good, np.zeros(2, int), 300, Evaluation(1, 0))
    with pytest.raises(UserError, match=r"datasets\.mine: got training"):
        save_dataset(tmp_path / "mine.safetensors", "mine", splits)
