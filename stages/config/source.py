"""The base of all sources of datasets."""

from typing import TYPE_CHECKING, ClassVar

from stages.config.schema import Frozen


class Source(Frozen):
    """A place that a dataset comes from.

    A subclass in `stages.datasets.sources` has a field `source`, a literal (or several) by which the parameters name
    it. Its module imports neither PyTorch nor NumPy, since every stage reads the parameters.
    """

    if TYPE_CHECKING:
        source: str

    loader: ClassVar[str]
    """`module:function`, which is called as `function(name, source)`, with the dataset's name and this object, and
    returns `stages.datasets.splits.Splits`."""
    of_text: ClassVar[bool] = False
    """Whether examples are blocks of tokens, not images."""

    def paths(self) -> tuple[str, ...]:
        """Return the user's files and folders that are read, of which stage `inputs` takes digests."""
        return ()
