"""Optimizers as in `torch.optim`, which need gradients only."""

from stages.config.optimizer import OptimizerOptions
from stages.config.optimizer_fields import Betas, Epsilon, Momentum, Smoothing


class SgdOptions(Momentum, OptimizerOptions):
    """Stochastic gradient descent with (heavy-ball) momentum."""

    name = "sgd"
    label = "SGD"
    rule = "stages.training.optimizers:Sgd"


class RmsPropOptions(Epsilon, Smoothing, OptimizerOptions):
    """RMSProp (Hinton et al. 2012) without momentum."""

    name = "rmsprop"
    label = "RMSProp"
    rule = "stages.training.optimizers:RmsProp"


class AdamOptions(Epsilon, Betas, OptimizerOptions):
    """Adam (Kingma and Ba 2014)."""

    name = "adam"
    label = "Adam"
    rule = "stages.training.optimizers:Adam"
