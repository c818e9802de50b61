"""The base of all kinds of line that a suite may ask for beside its runs' own lines."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from stages.config.schema import Frozen

if TYPE_CHECKING:
    from stages.config.run import Run


class LineKind(Frozen):
    """Lines of one kind in a suite.

    A subclass in `stages.lines.kinds` has a field `kind`, a literal by which the parameters name it. Its module imports
    neither PyTorch nor pandas, since every stage reads the parameters.
    """

    among: dict[str, list] = {}
    """Runs that have such lines: keys of a run, each with a list of values; {} for all runs."""

    def check(self, key: str, runs: Sequence["Run"]) -> None:
        """Refuse lines that the runs cannot have.

        Args:
            key: Key at which the lines stand in the parameters, for messages.
            runs: The runs that `among` chooses, at least one.

        Raises:
            UserError: If they cannot have such lines.
        """

    def lines(self, name: str, runs: Mapping[str, "Run"], suite: Any) -> Iterator:
        """Yield the lines, as `stages.lines.line.Line`.

        Args:
            name: Name of the lines in the parameters, which becomes their `kind`.
            runs: The runs that `among` chooses, by their identity.
            suite: All runs of the suite, and the measures of their own lines, as in `stages.lines.requested_lines`.
        """
        raise NotImplementedError
