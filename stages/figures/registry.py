"""Which function draws which figure or table of the paper."""

from collections.abc import Callable

from stages.errors import UserError
from stages.figures.base import Drawing, Material, Table
from stages.figures.bundles import all_lines, lines_by_architecture, lines_by_optimizer, train_and_test
from stages.figures.fresh import fresh_initialisations, other_initialisations
from stages.figures.heatmaps import heatmaps
from stages.figures.logit_paths import logit_paths
from stages.figures.power_law import power_law, power_law_by_suite
from stages.figures.scatter import (
    accuracy_and_rise,
    autoencoder_rise,
    distance_and_rise,
    gauss_length_and_rise,
    rise_by_batch_norm,
    rise_by_learning_rate,
    rise_by_optimizer,
)
from stages.figures.tables import (
    non_monotone_by_batch_norm,
    non_monotone_by_initialization,
    non_monotone_by_learning_rate,
)

FIGURES: dict[str, tuple[str, Callable[[Material], Drawing]]] = {
    "figure_02": ("architectures", lines_by_architecture),
    "figure_03": ("logit_paths", logit_paths),
    "figure_04": ("autoencoder_lines", lines_by_optimizer),
    "figure_05": ("rise_by_learning_rate", rise_by_learning_rate),
    "figure_06": ("fresh_initialisations", fresh_initialisations),
    "figure_07": ("power_law", power_law),
    "figure_10": ("test_accuracy", accuracy_and_rise),
    "figure_11": ("lines_by_optimizer", lines_by_optimizer),
    "figure_12": ("rise_by_optimizer", rise_by_optimizer),
    "figure_13": ("autoencoder_rise", autoencoder_rise),
    "figure_14": ("residual_distance", distance_and_rise),
    "figure_15": ("autoencoder_power_law", power_law),
    "figure_16": ("residual_gauss_length", gauss_length_and_rise),
    "figure_17": ("residual_power_law", power_law_by_suite),
    "figure_18": ("rise_by_batch_norm", rise_by_batch_norm),
    "figure_20": ("other_initialisations", other_initialisations),
    "figure_24": ("all_lines", all_lines),
    "figure_25": ("heatmaps", heatmaps),
    "figure_27": ("train_and_test", train_and_test),
    "figure_28": ("residual_train_and_test", train_and_test),
}
TABLES: dict[str, tuple[str, Callable[[Material], Table]]] = {
    "table_1": ("non_monotone_by_learning_rate", non_monotone_by_learning_rate),
    "table_2": ("non_monotone_by_initialization", non_monotone_by_initialization),
    "table_3": ("non_monotone_by_batch_norm", non_monotone_by_batch_norm),
    "table_4": ("non_monotone_by_initialization", non_monotone_by_initialization),
}


def known(key: str) -> str:
    """Return the registered name that a key of `plot` stands for: `figure_05_mine` is `figure_05`.

    Raises:
        UserError: If there is no such figure or table.
    """
    base = "_".join(key.split("_")[:2])
    if base not in FIGURES | TABLES:
        raise UserError(f"plot.{key}: no such figure or table, expected one of {', '.join([*FIGURES, *TABLES])}")
    return base
