"""The paper's effects in the unit of our claims, computed from the numbers that it states (paper/numbers.csv)."""

from functools import cache

import numpy as np
import pandas as pd

from stages.measures.stratified import Strata
from stages.results.paper_numbers import NEVER, read_paper_numbers
from stages.results.rows import combined_labels

LAYERS_OF_SWITCHED_NETWORKS = ((784, 1024), (1024, 1024), (1024, 10))
"""Inputs and outputs of the layers of the networks of tables 5 to 7 (appendix C.4)."""


@cache
def _numbers() -> pd.DataFrame:
    return read_paper_numbers()


def cells(*places: str) -> pd.DataFrame:
    """Return the cells of some tables of the paper that count runs, with `risen`, the number of non-monotone ones.

    Args:
        places: Tables, such as "table 1".

    Returns:
        Rows as of `read_paper_numbers`. The paper gives proportions to two digits, from which counts follow.
    """
    table = _numbers()
    table = table[table["place"].isin(places) & (table["quantity"] == "non_monotone") & (table["count"] > 0)]
    return table.assign(risen=np.rint(table["value"].astype(float) * table["count"].astype(float)))


def stratified_difference(table: pd.DataFrame, first_arm: pd.Series, strata: tuple[str, ...]) -> float:
    """Return the Mantel-Haenszel difference between the proportions of non-monotone lines of two arms of the paper.

    Args:
        table: Rows of `cells`.
        first_arm: True for each row of the first arm.
        strata: Columns that make a stratum; those with runs in one arm only are left out.

    Returns:
        The difference: first arm minus second.
    """
    sums = table.groupby([combined_labels(table, strata), ~first_arm])[["risen", "count"]].sum().unstack()
    sums = sums.dropna().astype(float)
    return Strata(sums["risen"].to_numpy(), sums["count"].to_numpy()).difference


def ratio_of_switched(place: str, quantity: str) -> float:
    """Return the ratio between runs that never switch the optimizer and those that do, in a table of the paper.

    Args:
        place: "table 5" or "table 6".
        quantity: "distance" or "gauss_length".

    Returns:
        The geometric mean over learning rates.
    """
    table = _means(place, quantity)
    logs = np.log(table["value"].astype(float))
    means = logs.groupby([table["lr"], table["switch_after"] == NEVER]).mean().unstack()
    return float(np.exp((means[True] - means[False]).mean()))


def shortest_normalized_distance(place: str) -> float:
    """Return the smallest normalised distance of runs with Adam's steps after SGD's: "table 5" or "section C.4"."""
    table = _means(place, "distance")
    if place == "table 5":
        table = table[table["switch_after"] != NEVER]
    return float(table["value"].astype(float).min()) / initial_norm_of_switched_networks()


def r_squared(place: str) -> float:
    """Return R² of the power law in a figure of the paper, the largest if it states several."""
    return float(_means(place, "r_squared")["value"].astype(float).max())


def initial_norm_of_switched_networks() -> float:
    """Return the expected norm of the initial weights of the networks of tables 5 to 7, by PyTorch's default.

    Weights and biases of a layer with n inputs are uniform in +-1/sqrt(n), so that their variance is 1 / (3 n).
    """
    squares = (outputs * (inputs + 1) / (3 * inputs) for inputs, outputs in LAYERS_OF_SWITCHED_NETWORKS)
    return float(np.sqrt(sum(squares)))


def _means(place: str, quantity: str) -> pd.DataFrame:
    table = _numbers()
    return table[(table["place"] == place) & (table["quantity"] == quantity)]
