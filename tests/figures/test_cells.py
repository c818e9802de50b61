import re

import numpy as np
import pandas as pd
import pytest
from figures_drawn import draw
from figures_results import CLASSIFIERS, results
from results_in_memory import replaced

from stages.figures.tables import non_monotone_by_learning_rate


def cells_of(frame, **keys):
    for name, value in keys.items():
        frame = frame[frame[name] == value]
    return frame


def squeezed(table):
    """Return a table's Markdown without the blanks that align its columns."""
    return re.sub(" +", " ", table.markdown)


def one_cell(ends):
    """Make one cell of Table 1 from how its runs ended: status and verdict."""
    made = results(grids={"classifiers": CLASSIFIERS | {"optimizer": ["sgd"], "batch_norm": [True], "lr": [0.1]}})
    row = made.measures.iloc[0]
    rows = [row.to_dict() | {"run_id": str(i), "status": s, "monotonic": m} for i, (s, m) in enumerate(ends)]
    return replaced(made, measures=pd.DataFrame(rows))


def test_table_1_of_a_cell_counted_by_hand():
    ends = [("converged", False)] * 4 + [("converged", True)] * 20 + [("diverged", np.nan)] * 3
    ends += [("above threshold", False)] * 2 + [("above threshold", True)]
    table = non_monotone_by_learning_rate(one_cell(ends))
    (cell,) = table.data.to_dict("records")
    counts = {"trained": 30, "diverged": 3, "above_threshold": 3, "converged": 24, "non_monotone": 4}
    assert {name: cell[name] for name in counts} == counts
    assert cell["proportion"] == pytest.approx(4 / 24)
    # Wilson by hand: z = 1.959964, centre (p + z²/2n) / (1 + z²/n), half-width z √(p(1-p)/n + z²/4n²) / (1 + z²/n).
    n, p, z = 24, 4 / 24, 1.959963985
    centre, scale = (p + z * z / (2 * n)), 1 + z * z / n
    half = z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    assert cell["low"] == pytest.approx((centre - half) / scale)
    assert cell["high"] == pytest.approx((centre + half) / scale)
    assert (round(cell["low"], 3), round(cell["high"], 3)) == (0.067, 0.359)
    assert "| SGD | yes | 0.17 (24)<br>0.07–0.36 |" in squeezed(table)
    assert "3 above threshold, 3 diverged left out" in squeezed(table)


def test_diverged_runs_never_count_as_monotone():
    table = non_monotone_by_learning_rate(one_cell([("diverged", np.nan)] * 5 + [("above threshold", True)]))
    (cell,) = table.data.to_dict("records")
    assert (cell["converged"], cell["non_monotone"], cell["diverged"]) == (0, 0, 5)
    assert np.isnan([cell["proportion"], cell["low"], cell["high"]]).all()
    assert "| SGD | yes | – |" in squeezed(table)


def test_table_1_names_threshold_and_tolerance_and_leaves_untrained_cells_empty():
    made = results()
    untrained = (made.measures["optimizer"] == "adam") & (made.measures["lr"] == 0.1)
    table = non_monotone_by_learning_rate(replaced(made, measures=made.measures[~untrained]))
    line = next(line for line in squeezed(table).splitlines() if line.startswith("| Adam | no"))
    assert line.split("|")[6].strip() == ""
    assert line.split("|")[7].strip() == "–"
    assert "≤ 0.1" in squeezed(table)
    assert "min\u00a0Δ\u00a0>\u00a00.001" in squeezed(table)
    assert list(table.data["optimizer"].unique()) == ["sgd", "rmsprop", "adam"]


def test_a_heatmaps_mean_is_over_all_converged_runs_of_the_cell():
    made = results(seeds=2)
    keys = {"optimizer": "sgd", "batch_norm": True, "lr": 1.0, "hidden": "64-64", "seed": 1}
    where = np.logical_and.reduce([made.measures[name] == value for name, value in keys.items()])
    assert where.sum() == 1
    rises = made.measures["min_delta"].mask(where, 0.0)
    other = rises[(made.measures["seed"] == 0) & np.roll(where, -len(where) // 2)].iloc[0]
    made = replaced(
        made, measures=made.measures.assign(min_delta=rises, monotonic=made.measures["monotonic"].mask(where, True))
    )
    keys = {"by": "width", "optimizer": "sgd", "batch_norm": True, "lr": 1.0, "size": 64}
    (cell,) = cells_of(draw("figure_25", made).data, **keys).to_dict("records")
    assert (cell["non_monotone"], cell["converged"]) == (1, 2)
    assert cell["mean_min_delta"] == pytest.approx(other / 2)  # over non-monotone runs only it were twice that


def test_a_heatmap_tells_no_converged_run_from_all_monotone():
    drawing = draw("figure_25", results())
    data = drawing.data
    empty = cells_of(data, by="width", optimizer="adam", batch_norm=True, lr=1.0)
    monotone = cells_of(data, by="width", optimizer="adam", batch_norm=True, lr=0.001)
    assert empty["converged"].eq(0).all()
    assert empty["mean_min_delta"].isna().all()
    assert monotone["converged"].gt(0).all()
    assert monotone["mean_min_delta"].eq(0).all()
    ax = next(ax for ax in drawing.figure.axes if ax.get_title().startswith("batch norm, by width"))
    rows, rates = ([text.get_text() for text in axis.get_ticklabels()] for axis in (ax.yaxis, ax.xaxis))
    hatched = {(rows[int(patch.get_y())], rates[int(patch.get_x())]) for patch in ax.patches if patch.get_hatch()}
    assert ("Adam, 32", "1") in hatched
    assert ("Adam, 32", "0.001") not in hatched
    colours = ax.collections[0].get_array().reshape(len(rows), len(rates))
    assert colours[rows.index("Adam, 32"), rates.index("0.001")] == 0
    assert np.ma.getmaskarray(colours)[rows.index("Adam, 32"), rates.index("1")]
    texts = {(rows[int(t.get_position()[1])], rates[int(t.get_position()[0])]): t.get_text() for t in ax.texts}
    assert [texts["SGD, 64", rate] for rate in rates[1:3]] == ["0/1", "0/1"]
    assert texts["Adam, 64", "0.1"] == "1/1"
    entries = [text.get_text() for text in drawing.figure.legends[0].get_texts()]
    assert "no converged run" in entries


def test_heatmaps_take_the_depth_with_most_widths_and_the_width_with_most_depths():
    data = draw("figure_25", results()).data
    assert set(data[data["by"] == "width"]["fixed"]) == {"2"}
    assert set(data[data["by"] == "width"]["size"]) == {32, 64}
    assert set(data[data["by"] == "depth"]["fixed"]) == {"32"}
    assert set(data[data["by"] == "depth"]["size"]) == {2, 4}


def test_heatmaps_of_networks_of_unequal_layers_say_that_there_are_none():
    drawing = draw("figure_25", results(("autoencoders",)))
    assert drawing.data.empty
    assert any("no network whose hidden layers" in text.get_text() for ax in drawing.figure.axes for text in ax.texts)
    assert "12 runs without hidden layers of one width" in " ".join(drawing.figure.get_supxlabel().split())
