"""Text as blocks of tokens: byte-level byte-pair encoding, trained on the text itself."""

import codecs
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from stages.config.params import EsperantoSource, TextSource
from stages.datasets.esperanto import sentences
from stages.datasets.splits import Evaluation, Splits
from stages.shared.errors import UserError

SPECIAL = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
"""RoBERTa's special tokens; each one's number is its place here."""
END = SPECIAL.index("</s>")
WIDE_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)  # UTF-32's other one starts like the first
OFTEN = 2  # times that a pair of tokens has to occur to become one, as in Hugging Face's tutorial


def load_text(name: str, source: EsperantoSource | TextSource) -> Splits:
    """Return the training and test blocks of a text.

    The lines of a split, each ended by `</s>`, are one stream of tokens, which is cut into full blocks without padding;
    the remainder at the end of a split is dropped. A word of the text such as `<mask>` is ordinary text: it never
    becomes a special token.

    Args:
        name: The dataset's name in params.yaml, for messages.
        source: The text, and how it is cut.

    Returns:
        Blocks of shape (N, block); test blocks are of the text's last lines, which the tokenizer has not seen.

    Raises:
        UserError: If the file is missing or no text in UTF-8, or a split has not one block.
    """
    if isinstance(source, EsperantoSource):
        lines = sentences(source.sentences, source.seed)
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
        vocabulary: Tokens, at most; a short text has fewer pairs to join.

    Returns:
        The `tokenizers.Tokenizer`; equal lines give equal ones. It reads a special token that a text spells out as
        ordinary characters; this setting is no part of its JSON.
    """
    os.environ["TOKENIZERS_PARALLELISM"] = "false"  # read when the library first works
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        min_frequency=OFTEN,
        special_tokens=list(SPECIAL),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(lines, trainer, length=len(lines))
    tokenizer.encode_special_tokens = True  # split a special token's name like any other word, do not look it up
    return tokenizer


def _blocks(tokenizer, lines: Sequence[str], size: int) -> np.ndarray:
    encoded = tokenizer.encode_batch(list(lines), add_special_tokens=False)
    stream = np.array([token for line in encoded for token in (*line.ids, END)], dtype=np.int64)
    return stream[: len(stream) // size * size].reshape(-1, size)


def _read(name: str, path: Path) -> list[str]:
    """Return the lines of a file in UTF-8, without white space at their ends and without blank ones.

    A line ends at a line feed, a carriage return, or both together. Other separators, such as a form feed or U+2028,
    are characters of the line; at its ends they are white space, by the definition of `str.strip`. A byte order mark
    at the start of the file is dropped.

    Raises:
        UserError: If the file is missing or in another encoding.
    """
    key = f"datasets.{name}.file"
    try:
        text = path.read_text(encoding="utf-8-sig")  # which turns every line end into a line feed
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
