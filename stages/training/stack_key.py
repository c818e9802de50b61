"""The key of a stack: what runs must have in common to be trained together."""

from stages.config import Run
from stages.config.run import OPTIMIZER_FIELDS, OPTIMIZER_OPTIONS

ROW_FIELDS = {"label_corruption", "data_seed", "optimizer", "lr", "milestones", "decay", "weight_decay", "magnitude"}
ROW_FIELDS |= {"switch_optimizer", "switch_lr", "snapshots", "seed", "order_seed", "initialization", "gain"}
ROW_FIELDS |= {"warmup", "average_from"}
ROW_FIELDS |= OPTIMIZER_FIELDS.difference(*(kind.shared_in_stack for kind in OPTIMIZER_OPTIONS))
"""Fields of `Run` that may differ between the runs of a stack."""


def stack_key(run: Run) -> tuple:
    """Return the fields that a run shares with all runs of its stack; runs with equal keys can be stacked.

    Initialisations may differ, except for Fixup, which needs another network.
    """
    shared = (getattr(run, field) for field in Run.model_fields if field not in ROW_FIELDS)
    return (*shared, run.initialization == "fixup")
