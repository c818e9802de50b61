"""How statistics of batch norm are estimated along a line."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from stages.config.schema import Frozen


class BatchNormStatistics(Frozen):
    """Estimation of batch-norm statistics at each alpha, from the training split in its stored order."""

    estimate: Literal["cumulative", "momentum", "batch"] = "cumulative"
    """Estimator: the mean over batches, a moving average over them, or each batch's own statistics."""
    batch_size: Annotated[int, Field(ge=2)] = 2048
    """Number of examples in a batch; at or above the number of examples the whole split is one batch."""
    momentum: Annotated[float, Field(gt=0, le=1)] = 0.1
    """Weight of a new batch in the moving average."""
    examples: Annotated[int, Field(ge=2)] | None = None
    """Number of training examples that statistics are estimated from; null for all."""


class LineStatistics(BatchNormStatistics):
    """Estimation of batch-norm statistics along a line of kind `statistics`, with a choice of the batches."""

    order: Literal["stored", "shuffled", "redrawn"] = "stored"
    """Order of the training examples, from which batches are cut: as stored; a random permutation that is the same at
    each alpha; or another random permutation at each alpha, as in the paper's release."""

    @model_validator(mode="after")
    def _redrawn_estimates(self) -> "LineStatistics":
        if self.order == "redrawn" and self.estimate == "batch":
            raise ValueError("order: got 'redrawn' with estimate batch, expected stored or shuffled")
        return self
