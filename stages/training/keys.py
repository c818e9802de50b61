"""What identifies a run and the evaluation of its final weights, computed without PyTorch."""

from pathlib import Path

from stages.config import BatchNormStatistics, Run
from stages.shared.environment import identity

NUMERICS = 5
"""Version of what training computes: raise it with any change that moves a weight, so that no old run is reused."""
EVALUATION_NUMERICS = 7
"""Version of how final weights are evaluated: raise it with any change that moves a loss or accuracy."""


def run_key(run: Run, dataset_sha256: str) -> str:
    """Return the identity of a run.

    It holds the run's configuration, its data, the version of the training code and the environment; for a network of
    the user's also what its factory gives, and for weights of the user's the content of their files.
    """
    content = {"run": run.spec(), "dataset": dataset_sha256, "numerics": NUMERICS}
    if run.factory:
        from stages.networks.factory import factory_identity  # torchvision takes seconds to import

        content["factory"] = factory_identity(run.factory)
    if run.weights:
        from stages.training.checkpoint import checksum  # imports PyTorch

        content["files"] = [checksum(Path(file)) for file in run.weights]
    return identity(content)


def evaluation_key(run_id: str, settings: BatchNormStatistics) -> str:
    """Return the identity of the evaluation of a run's final weights."""
    return identity({"run": run_id, "batch_norm": settings.model_dump(mode="json"), "numerics": EVALUATION_NUMERICS})
