"""Sentences of finding, held to made-up tables with the result one way and the other."""

from io import BytesIO

import numpy as np
import pandas as pd
import pytest
from figures_results import results, without_rows

from stages.figures import findings
from stages.figures import findings_of_lines as of_lines
from stages.figures import findings_of_numbers as numbers
from stages.figures import findings_of_tables as of_tables
from stages.figures.declare import Item
from stages.figures.registry import tables
from stages.figures.style import thinned
from stages.shared.csv_files import csv_bytes


def count(data):
    return f"{int((~data['monotonic']).sum())} of {len(data)} lines rise."


def item(finding):
    return Item("figure_99", "mine", print, "Lines.", "Not in the paper.", (), False, finding)


def test_the_finding_follows_from_the_csv_and_is_else_what_a_reader_sees():
    csv = pd.DataFrame({"monotonic": [True, False]}).to_csv(index=False).encode()
    assert item(count).sentence(csv) == "1 of 2 lines rise."
    assert item(None).sentence(csv) == "Lines."
    assert item(lambda data: "").sentence(csv) == "Lines."


def lines(verdicts, **columns):
    """Return a row a line with made-up verdicts."""
    return pd.DataFrame({"run_id": [f"r{i}" for i in range(len(verdicts))], "monotonic": verdicts} | columns)


def test_lines_are_counted_by_group_from_the_highest_share_down():
    data = lines([True] * 6 + [False, True, False, False], panel=["SGD"] * 6 + ["Adam"] * 4)
    assert of_lines.by_panel(data) == "3 of 10 lines are non-monotone: 3 of 4 for Adam and 0 of 6 for SGD."
    assert of_lines.by_panel(data.assign(monotonic=True)) == "None of the 10 lines is non-monotone."
    one = data.assign(monotonic=[False, *[True] * 9])
    assert of_lines.by_panel(one) == "1 of 10 lines is non-monotone: 1 of 6 for SGD and 0 of 4 for Adam."
    assert of_lines.by_panel(data.tail(3)) == "2 of 3 lines are non-monotone: too few to tell more."
    assert of_lines.by_panel(data.head(0)) == "There are no lines."
    many = lines([False, *[True] * 9], panel=list("aabbccddee"))
    assert of_lines.by_panel(many) == (
        "1 of 10 lines is non-monotone, the largest share for a (1 of 2); 4 of 5 groups have none."
    )


def test_where_no_line_of_a_series_rises_its_ends_are_named():
    sizes = lines([True] * 6, panel=["10 examples"] * 3 + ["all examples"] * 3, curve="line")
    assert of_lines.by_size(sizes) == "None of the 6 lines is non-monotone, from 10 examples up to all examples."
    assert of_lines.by_size(sizes.assign(monotonic=[False, *[True] * 5])).startswith("1 of 6 lines is non-monotone: 1")


def test_groups_are_called_different_only_beyond_doubt():
    clear = findings.contrast(("A", 9, 10), ("B", 1, 10))
    assert clear == "A has more non-monotone lines than B (9 of 10 against 1 of 10)"
    assert "A has fewer" in findings.contrast(("A", 1, 10), ("B", 9, 10))
    assert "do not clearly differ" in findings.contrast(("A", 6, 10), ("B", 4, 10))
    assert findings.contrast(("A", 0, 0), ("B", 4, 10)) == "only B has lines: 4 of 10 are non-monotone"


def test_the_distance_from_which_lines_fail_is_not_above_that_of_any_that_fails():
    distances = [0.5, 1.0, 2.0, 3.19, 3.21, 4.0, 5.0]
    data = lines([True, True, True, True, False, False, True], normalized_distance=distances)
    assert numbers.by_distance(data) == (
        "None of the 4 lines shorter than a distance of 3.2 is non-monotone; 2 of 3 lines from there on are."
    )
    assert "up to 5." in numbers.by_distance(data.assign(monotonic=True))
    first = numbers.by_distance(data.assign(monotonic=[False, *[True] * 6]))
    assert first == "1 of 7 lines is non-monotone, also the shortest ones."
    assert "too few" in numbers.by_distance(data.head(4))


def test_learning_rates_are_compared_at_their_median():
    rates = [0.1] * 8 + [1.0] * 8
    large = lines([True] * 8 + [False] * 8, lr=rates, panel="all")
    assert "learning rates above 0.55 have more" in of_lines.by_learning_rate(large)
    small = lines([False] * 8 + [True] * 8, lr=rates, panel="all")
    assert "learning rates above 0.55 have fewer" in of_lines.by_learning_rate(small)
    even = lines([True, False] * 8, lr=rates, panel="all")
    assert "do not clearly differ" in of_lines.by_learning_rate(even)


def test_other_lines_are_compared_with_the_own_line_of_their_run():
    rows = [
        ("r1", "own line", True),
        *[("r1", "of a kind", verdict) for verdict in (True, True, False)],
        ("r2", "own line", False),
        *[("r2", "of a kind", verdict) for verdict in (False, True)],
    ]
    data = pd.DataFrame(rows, columns=["run_id", "kind", "monotonic"]).assign(suite="s", draw=range(len(rows)))
    assert of_lines.like_the_own_line(data) == (
        "3 of 5 lines have the verdict of the run's own line: 2 of 3 where that is monotone and 1 of 2 where that is "
        "non-monotone."
    )


def test_barriers_are_the_rises_above_the_higher_end():
    rows = [("low", 0, 2.0), ("low", 1, 1.0), ("low", 2, 0.0), ("high", 0, 0.5), ("high", 1, 3.0), ("high", 2, 1.0)]
    data = pd.DataFrame(rows, columns=["kind", "alpha", "train_loss"])
    data = data.assign(suite="s", line=data["kind"], start_run_id="a", run_id="b")
    assert of_lines.of_barriers(data) == "The mean barrier of lines is 2 high (1 lines) and 0 low (1 lines)."


def test_a_plane_names_the_lines_that_rise_and_the_path_of_training():
    data = pd.DataFrame(
        {
            "what": ["line", "line", "training", "training", "training"],
            "label": ["a → b", "c → b", "r1", "r1", "r1"],
            "min_delta": [0.0, 0.25, None, None, None],
            "monotonic": [True, False, None, None, None],
            "train_loss": [None, None, 2.0, 1.0, 1.5],
        }
    )
    assert of_lines.of_one_plane(data) == (
        "The training loss falls along a → b and rises along c → b (min Δ 0.25); on the path of training it rises by "
        "0.5."
    )
    falling = data.assign(train_loss=[None, None, 2.0, 1.0, 0.5])
    assert of_lines.of_one_plane(falling).endswith("on the path of training it only falls.")


def accuracies(here, there):
    data = lines([False] * len(here) + [True] * len(there), test_accuracy=[*here, *there])
    return numbers.of_accuracy(data.assign(panel="digits"))


def test_accuracies_differ_if_they_do_by_two_standard_errors():
    high, low = [0.95, 0.96, 0.97], [0.85, 0.86, 0.87]
    assert "on digits 10.00 points lower (86.00 against 96.00 %)" in accuracies(low, high)
    assert "10.00 points higher" in accuracies(high, low)
    assert "not clearly different" in accuracies([0.8, 0.9, 0.97], high)
    assert "too few runs are non-monotone" in accuracies([0.9], high)


def test_one_power_law_describes_what_it_fits_and_a_hinge_it_does_not():
    x = np.geomspace(0.1, 90, 60)
    straight = pd.DataFrame({"normalized_distance": x, "gauss_length_smooth": 2 * x**0.5})
    assert numbers.of_power_law(straight).startswith(
        "One power law describes the Gauss length (exponent 0.50, R² 1.00); the exponent is 0.50 below"
    )
    noise = np.random.default_rng(0).normal(0, 0.8, 60)
    hinge = straight.assign(gauss_length_smooth=np.exp(np.maximum(0, 0.5 * np.log(x / 3)) + noise))
    assert "hardly describes" in numbers.of_power_law(hinge)
    flat = straight.assign(gauss_length_smooth=np.maximum(1, (x / 3) ** 0.8))
    assert "it hardly grows below a distance of 3 (0.00), and does above (0.80)" in numbers.of_power_law(flat)
    assert numbers.of_power_law(straight.head(3)) == "Too few points (3) for a power law."


def test_the_share_of_failures_grows_only_if_it_never_falls():
    cells = pd.DataFrame({"panel": "all suites", "optimizer": "all", "bin": ["below 1", "1 to 3", "3 to 10"]})
    cells = cells.assign(converged=10, non_monotone=[0, 1, 5])
    cells["proportion"] = cells["non_monotone"] / 10
    assert "lines grows with" in numbers.by_bins(cells)
    assert "0 of 10 at below 1, 1 of 10 at 1 to 3 and 5 of 10 at 3 to 10" in numbers.by_bins(cells)
    assert "does not grow steadily" in numbers.by_bins(cells.assign(proportion=[0.5, 0.1, 0.0]))


def test_matching_lowers_barriers_or_does_not():
    rows = [("as trained", 1.0), ("as trained", 3.0), ("weights matched", 0.5), ("activations matched", 4.0)]
    data = pd.DataFrame(rows, columns=["kind", "barrier"]).assign(panel="barriers")
    assert numbers.of_matching(data) == (
        "The mean barrier between optima is 2 as trained; with hidden units matched by weights it falls to 0.5 and by "
        "activations it does not fall: 4."
    )


def test_paths_of_outputs_are_straight_or_more_bent_with_batch_norm_or_less():
    points = {"batch_norm": [True] * 3 + [False] * 3, "example": [0] * 6, "component_1": [0, 1, 2] * 2}
    bent, straight = [0, 1, 0], [0, 0, 0]
    more = numbers.of_logits(pd.DataFrame(points | {"component_2": bent + straight}))
    assert "more bent than without it: in two principal components they are 1.414 times" in more
    assert "less bent" in numbers.of_logits(pd.DataFrame(points | {"component_2": straight + bent}))
    assert "nearly straight" in numbers.of_logits(pd.DataFrame(points | {"component_2": straight + straight}))


def test_forecasts_are_better_or_worse_only_beyond_doubt():
    data = pd.DataFrame({"model": [of_tables.BEGINNING, of_tables.PLAIN], "lines": 40, "non_monotone": 9})
    data = data.assign(area=[0.9, 0.8], difference_low=[0.05, None], difference_high=[0.15, None])
    assert "better than" in of_tables.of_forecasts(data)
    assert "as well as" in of_tables.of_forecasts(data.assign(difference_low=[-0.05, None]))
    assert "worse than" in of_tables.of_forecasts(data.assign(difference_low=-0.2, difference_high=-0.1))


def test_treatments_count_what_they_mend_and_break():
    rows = [("at the end", "monotone", 3), ("at the end", "at the end", 1), ("monotone", "at the end", 2)]
    data = pd.DataFrame(rows, columns=["without", "with", "pairs"]).assign(treatment="warm-up", optimizer="all")
    assert of_tables.of_mechanisms(data) == (
        "With warm-up 3 of 4 failures at the end become monotone, and 2 of 2 monotone lines fail."
    )


@pytest.mark.parametrize("name", tables())
def test_every_table_has_a_sentence_also_where_it_has_no_row(name):
    made = results() if tables()[name].theory is False else None
    if made is not None:
        for one in (made, without_rows(made)):
            sentence = tables()[name].sentence(csv_bytes(tables()[name].make(one).data))
            assert sentence[-1] == "."
            assert "nan" not in sentence
    assert tables()[name].finding is not None


def test_a_small_rise_survives_the_file():
    losses = np.array(
        [2.3026, 2.2009, 2.2019017, 0.1], dtype=np.float32
    )  # rises by 0.0010017, and by 0.001 in six digits
    data = pd.DataFrame({"run_id": "r", "monotonic": False, "alpha": [0.0, 0.3, 0.6, 1.0], "train_loss": losses})
    read = pd.read_csv(BytesIO(thinned(data)[0]))
    assert read["train_loss"][2] - read["train_loss"][1] > 0.001
    np.testing.assert_array_equal(read["train_loss"].astype(np.float32), losses)
