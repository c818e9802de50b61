"""Keys of runs and of the evaluations of their final weights, computed without PyTorch."""

from pathlib import Path

from stages.config import BatchNormStatistics, Run
from stages.shared.environment import identity

NUMERICS = 5
"""Version of training: raise it with any change that moves a weight, so that no old run is reused."""
EVALUATION_NUMERICS = 7
"""Version of the evaluation of final weights: raise it with any change that moves a loss or accuracy."""


def run_key(run: Run, dataset_sha256: str) -> str:
    """Return the identity of a run, its key in the store.

    The identity depends on the run's configuration, its data, the version of training and the environment; for a
    user-defined network also on the network that its factory returns, and for a run that was trained elsewhere on the
    content of its files.

    Args:
        run: The configuration.
        dataset_sha256: Checksum of the dataset.

    Returns:
        The key.

    Raises:
        UserError: If the factory is faulty, or a file cannot be read.
    """
    content = {"run": run.spec(), "dataset": dataset_sha256, "numerics": NUMERICS}
    if run.factory:
        from stages.networks.user_factory import factory_identity  # torchvision takes seconds to import

        content["factory"] = factory_identity(run.factory)
    if run.weights:
        from stages.training.checkpoint import checksum_file  # imports PyTorch

        content["files"] = [checksum_file(Path(file)) for file in run.weights]
    return identity(content)


def evaluation_key(run_id: str, settings: BatchNormStatistics) -> str:
    """Return the key of the evaluation of a run's final weights, with these settings of batch norm, in the store."""
    return identity({"run": run_id, "batch_norm": settings.model_dump(mode="json"), "numerics": EVALUATION_NUMERICS})
