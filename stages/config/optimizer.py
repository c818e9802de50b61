"""The base of all optimizers' declarations: the fields that one reads, and where its update rule is."""

from typing import ClassVar

from stages.config.schema import Frozen


class OptimizerOptions(Frozen):
    """The hyperparameters of an optimizer beside the learning rate and weight decay, which all have.

    A subclass in `stages.training.optimizer_options` declares its fields, or takes them from `optimizer_fields`. Its
    module does not import PyTorch, since every stage reads the parameters.
    """

    name: ClassVar[str]
    """Value of `optimizer` in the parameters."""
    label: ClassVar[str | None] = None
    """Name in figures and tables; None for `name`."""
    rule: ClassVar[str]
    """`module:class` below `stages.training.optimizers.Optimizer`, or a function that returns one: it is called with
    the runs of a stack, their parameters, and factors of the learning rate."""
    shared_in_stack: ClassVar[frozenset[str]] = frozenset()
    """Fields that are equal in all runs that train together; others may differ from run to run."""
    needs_curvature: ClassVar[bool] = False
    """Whether steps use Kronecker factors of the curvature: the rule is called with the network's linear layers in
    place of the factors of the learning rate, and only some networks can be trained."""
    graftable: ClassVar[bool] = True
    """Whether its steps may be combined with those of another optimizer (`magnitude`)."""
    capture_obstacle: ClassVar[str | None] = None
    """Why its steps cannot be captured as CUDA graphs, as a clause; None if they can."""
