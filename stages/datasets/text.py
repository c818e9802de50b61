"""Text as blocks of tokens: byte-level byte-pair encoding, trained on the text itself."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from stages.config.params import EsperantoSource, TextSource
from stages.datasets.dataset import Evaluation, Splits
from stages.datasets.esperanto import sentences
from stages.errors import UserError

SPECIAL = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
"""RoBERTa's special tokens; each one's number is its place here."""
END = SPECIAL.index("</s>")
OFTEN = 2  # times that a pair of tokens has to occur to become one, as in Hugging Face's tutorial


def load_text(name: str, source: EsperantoSource | TextSource) -> Splits:
    """Return the training and test blocks of a text.

    Its lines, each ended by `</s>`, are one stream of tokens, cut into blocks: all are full, none is padded. What is
    left at the end of a split is dropped.

    Args:
        name: The dataset's name in params.yaml, for messages.
        source: The text, and how it is cut.

    Returns:
        Blocks of shape (N, block); test blocks are of the text's last lines, which the tokenizer has not seen.

    Raises:
        UserError: If the file is missing or no UTF-8, or a split has not one block.
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
        The `tokenizers.Tokenizer`; equal lines give equal ones.
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
    return tokenizer


def _blocks(tokenizer, lines: Sequence[str], size: int) -> np.ndarray:
    encoded = tokenizer.encode_batch(list(lines), add_special_tokens=False)
    stream = np.array([token for line in encoded for token in (*line.ids, END)], dtype=np.int64)
    return stream[: len(stream) // size * size].reshape(-1, size)


def _read(name: str, path: Path) -> list[str]:
    """Return the lines of a file that are not blank."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise UserError(f"datasets.{name}.file: {path} is missing; put your text there or name another file") from error
    except UnicodeDecodeError as error:
        raise UserError(f"datasets.{name}.file: {path} is no UTF-8 text ({error.reason}); convert it") from error
    lines = [line.strip() for line in text.splitlines()]
    return [line for line in lines if line]
