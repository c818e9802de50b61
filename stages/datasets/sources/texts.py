"""Sources of text, for language models."""

from typing import Annotated, Literal

from pydantic import Field

from stages.config.schema import Count, Seed
from stages.config.source import Source

SMALLEST_VOCABULARY = 256 + 5
"""Every byte, and the special tokens."""


class _Text(Source):
    """How a text becomes blocks of tokens, and which of them losses are evaluated on."""

    loader = "stages.datasets.text:load_text"
    of_text = True

    vocabulary: Annotated[int, Field(ge=SMALLEST_VOCABULARY)]
    """Largest number of tokens of the byte-level BPE, which is trained on the training split."""
    block: Annotated[int, Field(ge=8)]
    """Number of tokens of an example."""
    test_fraction: Annotated[float, Field(gt=0, lt=1)]
    """Proportion of the text, from its end, that is the test split."""
    evaluation_examples: Count
    """Number of blocks of each split that losses are evaluated on; those of the training split are drawn at random."""
    evaluation_seed: Seed
    """Seed of that draw, and of the tokens to predict in those blocks."""


class EsperantoSource(_Text):
    """Sentences that this project makes itself, from roots, endings and a grammar."""

    source: Literal["esperanto"]
    sentences: Count
    """Number of sentences."""
    seed: Seed
    """Seed of the sentences."""


class TextSource(_Text):
    """A UTF-8 text file of your own."""

    source: Literal["text"]
    file: str
    """Path of the file."""

    def paths(self) -> tuple[str, ...]:
        """Return the file."""
        return (self.file,)
