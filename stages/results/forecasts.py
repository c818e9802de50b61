"""Forecasts, from the first tenth of training, of whether a run's own line will be non-monotone."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from stages.measures.stratified_area import Area, area_within_strata
from stages.results.results import Results
from stages.results.rows import combined_labels, configurations, converged

SHARE = 0.1
"""Share of the epochs after which the forecast is made."""
ARCHITECTURE = ("network", "hidden", "layers", "width_multiplier")
"""Columns that make an architecture; each is forecast by a model that was fitted to the others."""
TRAINING = ("log_distance", "log_growth", "log_loss")
"""Features of the epochs that are seen: logarithms of the normalised distance, of its growth over the second half of
these epochs, and of the last one's mean loss over the loss at the start."""
BASELINE = "learning rate and optimizer"
EVERYTHING = "first tenth of training, learning rate and optimizer"
PREDICTORS = {
    EVERYTHING: (*TRAINING, "setting"),
    "first tenth of training": TRAINING,
    "distance after the first tenth": ("log_distance",),
    BASELINE: ("setting",),
}
"""Groups of features of each model by its name; `setting` is the optimizer with a slope of its own in ln(lr)."""
DIGITS = 6  # of features and scores, so that ranks do not depend on the processor


@dataclass(frozen=True)
class Forecasts:
    """Scores of all models on the converged runs, each by a model that has not seen the run's architecture."""

    rows: pd.DataFrame
    """The runs: rows of `Results.lines` with the features of `TRAINING` and `architecture`."""
    failed_N: np.ndarray
    """(N,) True for each run whose own line is non-monotone."""
    scores: dict[str, np.ndarray]
    """(N,) log-odds of a failure by the name of the model."""

    def area(self, model: str) -> Area:
        """Return the area under the ROC curve of a model, pooled over the architectures left out."""
        return area_within_strata(self.scores[model], self.failed_N)

    @property
    def clusters_N(self) -> np.ndarray:
        """Labels of the configurations, whose runs differ only in their seeds, shape (N,)."""
        return configurations(self.rows)


def forecasts(results: Results) -> Forecasts | None:
    """Forecast the failure of each converged run by logistic regressions that leave out its architecture.

    Args:
        results: Suites of one kind of problem.

    Returns:
        The forecasts; None if there are too few runs: less than two architectures, or less than two that fail or do not
        fail outside of some architecture.
    """
    rows = _features(results)
    if rows.empty:
        return None
    failed_N = (~rows["monotonic"].astype(bool)).to_numpy()
    groups_N = rows["architecture"].to_numpy()
    rest = [failed_N[groups_N != group] for group in np.unique(groups_N)]
    if len(rest) < 2 or any(min(other.sum(), (~other).sum()) < 2 for other in rest):
        return None
    columns = {name: _columns(rows, groups) for name, groups in PREDICTORS.items()}
    return Forecasts(rows, failed_N, {name: _scores(x, failed_N, groups_N) for name, x in columns.items()})


def _features(results: Results) -> pd.DataFrame:
    """Return the converged runs with what is seen of their training, without those of which a number is missing."""
    rows = converged(results.lines())
    epochs = results.epochs
    if rows.empty or epochs.empty:
        return rows.head(0)
    rows = rows.assign(
        architecture=combined_labels(rows, ARCHITECTURE),
        seen=np.maximum(2, np.ceil(SHARE * rows["epochs"].astype(float))).astype(int),
    )
    rows["half"] = rows["seen"] // 2
    curves = epochs.set_index(["suite", "run_id", "epoch"])

    def at(column: str, epoch: str) -> np.ndarray:
        places = pd.MultiIndex.from_frame(rows[["suite", "run_id", epoch]])
        return curves[column].reindex(places).to_numpy(float)

    start_norm = rows["distance"].astype(float) / rows["normalized_distance"].astype(float)
    with np.errstate(divide="ignore", invalid="ignore"):
        features = {
            "log_distance": np.log(at("distance", "seen") / start_norm),
            "log_growth": np.log(at("distance", "seen") / at("distance", "half")),
            "log_loss": np.log(at("loss", "seen") / rows["initial_train_loss"].astype(float)),
        }
    rows = rows.assign(**{name: np.round(values, DIGITS) for name, values in features.items()})
    return rows[np.isfinite(rows[list(TRAINING)].to_numpy(float)).all(1)].reset_index(drop=True)


def _columns(rows: pd.DataFrame, groups: tuple[str, ...]) -> np.ndarray:
    """Return the features of a model, shape (N, features)."""
    columns = [rows[name].to_numpy(float) for name in groups if name != "setting"]
    if "setting" in groups:
        log_lr = np.round(np.log(rows["lr"].to_numpy(float)), DIGITS)
        for name in sorted(set(rows["optimizer"])):
            chosen = (rows["optimizer"] == name).to_numpy(float)
            columns += [chosen, chosen * log_lr]
    return np.column_stack(columns)


def _scores(x: np.ndarray, failed_N: np.ndarray, groups_N: np.ndarray) -> np.ndarray:
    """Return the log-odds of a failure of each run, by the model that was fitted to all other architectures."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import LeaveOneGroupOut, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), LogisticRegression(solver="newton-cholesky", tol=1e-10, max_iter=1000))
    scores = cross_val_predict(model, x, failed_N, groups=groups_N, cv=LeaveOneGroupOut(), method="decision_function")
    return np.round(scores, DIGITS)
