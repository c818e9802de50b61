"""Which function draws which figure or table: the paper's by its number; from 30 and 8 on, what it says in words."""

from collections.abc import Callable
from typing import TypeVar

import pandas as pd

from stages.figures.base import Drawing, Table
from stages.figures.bundles import all_lines, lines_by_architecture, lines_by_optimizer, train_and_test
from stages.figures.difficulty import dataset_sizes, label_corruption
from stages.figures.distance_at_loss import distance_at_loss
from stages.figures.example_turning import example_turning
from stages.figures.fresh import fresh_initialisations, other_initialisations
from stages.figures.heatmaps import heatmaps
from stages.figures.logit_paths import logit_paths
from stages.figures.other_lines import one_layer, other_starts, permuted
from stages.figures.pairs import between_runs, matched_barriers
from stages.figures.planes import loss_and_accuracy, plane_and_curves, planes, planes_and_lines
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
from stages.figures.switching import adam_to_sgd, grafting, sgd_to_adam
from stages.figures.tables import (
    non_monotone_by_batch_norm,
    non_monotone_by_initialization,
    non_monotone_by_learning_rate,
)
from stages.figures.theory import noisy_quadratic, two_layer_linear, two_layer_linear_table
from stages.figures.trajectories import progress_and_residual
from stages.figures.width import wide_networks
from stages.results.results import Results

Made = TypeVar("Made", Drawing, Table)


def _of_theory(model: str, function: Callable[[pd.DataFrame, float], Made]) -> Callable[[Results], Made]:
    """Return a function of the results from one of the lines of a model and the confidence of intervals."""
    return lambda results: function(results.theory(model), results.measure.confidence)


FIGURES: dict[str, tuple[str, Callable[[Results], Drawing]]] = {
    "figure_01": ("plane_and_curves", plane_and_curves),
    "figure_02": ("architectures", lines_by_architecture),
    "figure_03": ("logit_paths", logit_paths),
    "figure_04": ("autoencoder_lines", lines_by_optimizer),
    "figure_05": ("rise_by_learning_rate", rise_by_learning_rate),
    "figure_06": ("fresh_initialisations", fresh_initialisations),
    "figure_07": ("power_law", power_law),
    "figure_08": ("between_runs", between_runs),
    "figure_09": ("planes", planes),
    "figure_10": ("test_accuracy", accuracy_and_rise),
    "figure_11": ("lines_by_optimizer", lines_by_optimizer),
    "figure_12": ("rise_by_optimizer", rise_by_optimizer),
    "figure_13": ("autoencoder_rise", autoencoder_rise),
    "figure_14": ("residual_distance", distance_and_rise),
    "figure_15": ("autoencoder_power_law", power_law),
    "figure_16": ("residual_gauss_length", gauss_length_and_rise),
    "figure_17": ("residual_power_law", power_law_by_suite),
    "figure_18": ("rise_by_batch_norm", rise_by_batch_norm),
    "figure_19": ("failing_plane", plane_and_curves),
    "figure_20": ("other_initialisations", other_initialisations),
    "figure_21": ("permuted", permuted),
    "figure_22": ("loss_and_accuracy", loss_and_accuracy),
    "figure_23": ("planes_and_lines", planes_and_lines),
    "figure_24": ("all_lines", all_lines),
    "figure_25": ("heatmaps", heatmaps),
    "figure_26": ("dataset_sizes", dataset_sizes),
    "figure_27": ("train_and_test", train_and_test),
    "figure_28": ("residual_train_and_test", train_and_test),
    "figure_29": ("noisy_quadratic", _of_theory("noisy_quadratic", noisy_quadratic)),
    "figure_30": ("label_corruption", label_corruption),
    "figure_31": ("distance_at_loss", distance_at_loss),
    "figure_32": ("example_turning", example_turning),
    "figure_33": ("wide_networks", wide_networks),
    "figure_34": ("two_layer_linear", _of_theory("two_layer_linear", two_layer_linear)),
    "figure_35": ("matched_barriers", matched_barriers),
    "figure_36": ("progress_and_residual", progress_and_residual),
    "figure_37": ("other_starts", other_starts),
    "figure_38": ("one_layer", one_layer),
}
TABLES: dict[str, tuple[str, Callable[[Results], Table]]] = {
    "table_1": ("non_monotone_by_learning_rate", non_monotone_by_learning_rate),
    "table_2": ("non_monotone_by_initialization", non_monotone_by_initialization),
    "table_3": ("non_monotone_by_batch_norm", non_monotone_by_batch_norm),
    "table_4": ("non_monotone_by_initialization", non_monotone_by_initialization),
    "table_5": ("sgd_to_adam", sgd_to_adam),
    "table_6": ("adam_to_sgd", adam_to_sgd),
    "table_7": ("grafting", grafting),
    "table_8": ("two_layer_linear", _of_theory("two_layer_linear", two_layer_linear_table)),
}
