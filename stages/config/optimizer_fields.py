"""Hyperparameters of optimizers, in the order in which a run has them; an optimizer combines the classes it needs."""

from stages.config.schema import Below1, Frozen, Positive, Proportion


class Momentum(Frozen):
    """Momentum."""

    momentum: Proportion = 0.9
    """Momentum coefficient of SGD and K-FAC."""


class Betas(Frozen):
    """The averages of gradients and of their squares."""

    betas: tuple[Below1, Below1] = (0.9, 0.999)
    """Decay of Adam's running averages of gradients and of their squares."""


class Smoothing(Frozen):
    """The average of squared gradients."""

    smoothing: Below1 = 0.99
    """Decay of RMSProp's running average of squared gradients (`alpha` in `torch.optim`)."""


class Epsilon(Frozen):
    """A small number that keeps a quotient finite."""

    epsilon: Positive = 1e-8
    """Number that Adam and RMSProp add to the root of the averaged squared gradient."""
