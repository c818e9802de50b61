"""The base of all networks: the fields that shape it, its capabilities, and the function that builds it."""

from typing import TYPE_CHECKING, ClassVar

from stages.config.schema import Frozen, TrainingOnly

if TYPE_CHECKING:
    from stages.config.run import Run


class Network(Frozen):
    """An architecture with its parameters.

    A subclass in `stages.networks.architectures` declares its fields, or takes them from `network_fields`. Its module
    imports neither PyTorch nor torchvision: every stage reads the parameters, few compute with networks.
    """

    name: ClassVar[str]
    """Value of `network` in the parameters."""
    label: ClassVar[str | None] = None
    """Name in figures and tables; None for `name`."""
    builder: ClassVar[str]
    """`module:function`, which is called as `function(network, shape, classes)` and returns a `torch.nn.Module`: with
    this object, the shape of one example, and the number of classes (of text: of tokens)."""
    of_text: ClassVar[bool] = False
    """Whether examples are blocks of tokens, not images."""
    reconstructs: ClassVar[bool] = False
    """Whether the network is trained to give back its input, as an autoencoder is."""
    user_defined: ClassVar[bool] = False
    """Whether a factory of the user's gives the network, which may then lack rules for `torch.vmap`."""
    stackable: ClassVar[bool] = True
    """Whether several runs may train together, a leading dimension a run."""
    capture_obstacle: ClassVar[str | None] = None
    """Why training steps cannot be captured as CUDA graphs, as a clause; None if they can."""
    has_blocks: ClassVar[bool] = False
    """Whether parameters are named by blocks, which lines may move one by one."""
    permutable: ClassVar[bool] = False
    """Whether `stages.lines.unit_permutations` knows how to permute the hidden units."""
    has_kronecker_factors: ClassVar[bool] = False
    """Whether K-FAC can train it."""

    def check(self, run: "Run") -> None:
        """Refuse values that do not go together.

        Args:
            run: The run, for its fields beside those of the network.

        Raises:
            ValueError: If there are some; the message begins with the name of a field and a colon.
        """

    def shape(self) -> tuple:
        """Return the properties that two networks must share for the weights of one to fit into the other."""
        fields = {name: field for name, field in type(self).model_fields.items() if TrainingOnly not in field.metadata}
        return (self.name, *(getattr(self, name) for name in sorted(fields)))

    def initializations(self) -> tuple[str, ...]:
        """Return the values of `initialization` by which initial weights of the same shape can be drawn."""
        return ()
