"""Text as blocks of tokens, by a byte-level byte-pair encoding that is trained on the text itself."""

import codecs
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from stages.datasets.esperanto import make_sentences
from stages.datasets.sources.texts import EsperantoSource, TextSource
from stages.datasets.splits import Evaluation, Splits
from stages.shared.errors import UserError

SPECIAL = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
"""RoBERTa's special tokens; the index of each is its number."""
END = SPECIAL.index("</s>")
WIDE_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)  # UTF-32-LE starts like UTF-16-LE
MIN_FREQUENCY = 2
"""Occurrences of a pair of tokens that make it a token, as in Hugging Face's tutorial."""


def load_text(name: str, source: EsperantoSource | TextSource) -> Splits:
    """Return the training and test blocks of a text.

    The lines of a split, each followed by `</s>`, form one stream of tokens, which is cut into full blocks. The
    remainder at the end of a split is dropped. A word of the text such as `<mask>` never becomes a special token.

    Args:
        name: The dataset's name in params.yaml, for messages.
        source: The text, the vocabulary, and the length of blocks.

    Returns:
        Blocks of shape (N, block). Test blocks come from the last lines, on which the tokenizer is not trained.

    Raises:
        UserError: If the file is missing or not UTF-8, or a split is shorter than one block.
    """
    if isinstance(source, EsperantoSource):
        lines = make_sentences(source.sentences, source.seed)
    else:
        lines = _read(name, Path(source.file))
    kept = len(lines) - round(source.test_fraction * len(lines))
    parts = {"training": lines[:kept], "test": lines[kept:]}
    tokenizer = train_tokenizer(parts["training"], source.vocabulary)
    blocks = {split: _blocks(tokenizer, some, source.block) for split, some in parts.items()}
    for split, found in blocks.items():
        if not len(found):
            raise UserError(
                f"datasets.{name}: the {split} part of its text has fewer than {source.block} tokens; give it a longer "
                "text, or lower `block`"
            )
    return Splits(
        train_x=blocks["training"],
        train_y=np.zeros(len(blocks["training"]), dtype=np.int64),
        test_x=blocks["test"],
        test_y=np.zeros(len(blocks["test"]), dtype=np.int64),
        classes=tokenizer.get_vocab_size(),
        evaluation=Evaluation(source.evaluation_examples, source.evaluation_seed),
        tokenizer=tokenizer.to_str().encode(),
    )


def train_tokenizer(lines: Sequence[str], vocabulary: int):
    """Train a byte-level BPE tokenizer with RoBERTa's special tokens.

    Args:
        lines: The text.
        vocabulary: Largest number of tokens; a short text gives fewer.

    Returns:
        The `tokenizers.Tokenizer`; equal lines give equal tokenizers. It encodes a special token's name in the text as
        ordinary characters; this setting is not saved in its JSON.
    """
    os.environ["TOKENIZERS_PARALLELISM"] = "false"  # read at the library's first use
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        min_frequency=MIN_FREQUENCY,
        special_tokens=list(SPECIAL),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(lines, trainer, length=len(lines))
    tokenizer.encode_special_tokens = True  # encode a special token's name like any other word
    return tokenizer


def _blocks(tokenizer, lines: Sequence[str], size: int) -> np.ndarray:
    """Return the tokens of some lines as blocks, shape (N, size)."""
    encoded = tokenizer.encode_batch(list(lines), add_special_tokens=False)
    stream = np.array([token for line in encoded for token in (*line.ids, END)], dtype=np.int64)
    return stream[: len(stream) // size * size].reshape(-1, size)


def _read(name: str, path: Path) -> list[str]:
    """Return the stripped lines of a UTF-8 file that are not blank.

    A line ends at a line feed, a carriage return, or both. Other separators, such as a form feed or U+2028, are
    characters of the line. A byte order mark at the start of the file is dropped.

    Raises:
        UserError: If the file is missing or in another encoding.
    """
    key = f"datasets.{name}.file"
    try:
        text = path.read_text(encoding="utf-8-sig")  # turns every line end into a line feed
    except FileNotFoundError as error:
        raise UserError(f"{key}: {path} is missing; put your text there or name another file") from error
    except UnicodeDecodeError as error:
        found = "UTF-16 or UTF-32" if path.read_bytes().startswith(WIDE_MARKS) else error.reason
        raise UserError(f"{key}: {path} is no UTF-8 text ({found}); convert it to UTF-8") from error
    if "\0" in text:
        raise UserError(
            f"{key}: {path} is no UTF-8 text (it holds null characters, as UTF-16 and binary files do); "
            "convert it to UTF-8"
        )
    lines = [line.strip() for line in text.split("\n")]
    return [line for line in lines if line]
