"""K-FAC, which needs the curvature too."""

from stages.config.optimizer import OptimizerOptions
from stages.config.optimizer_fields import Momentum
from stages.config.schema import Below1, Count, Positive


class KfacOptions(Momentum, OptimizerOptions):
    """K-FAC (Martens and Grosse 2015)."""

    name = "kfac"
    label = "K-FAC"
    rule = "stages.training.kfac:Kfac"
    shared_in_stack = frozenset({"factor_interval", "inverse_interval"})
    needs_curvature = True
    graftable = False
    capture_obstacle = "kfac decides on the CPU when to estimate and to invert the curvature"

    damping: Positive = 1e-3
    """Number that K-FAC adds to each eigenvalue of the curvature."""
    factor_decay: Below1 = 0.95
    """Decay of K-FAC's running average of the Kronecker factors; the first estimates are averaged with equal weight."""
    factor_interval: Count = 10
    """Number of K-FAC's steps from one estimate of the curvature to the next."""
    inverse_interval: Count = 100
    """Number of K-FAC's steps from one inversion of the curvature to the next."""
    kl_clip: Positive | None = 1e-3
    """Largest lr^2 v.g of a step v of K-FAC for a gradient g, to second order at least twice the KL divergence that a
    step without momentum causes (Ba et al. 2017); null for no limit."""
