import numpy as np
import pandas as pd
from figures_drawn import curves_in, draw
from figures_results import results
from results_in_memory import replaced

from stages.figures.logit_paths import choose
from stages.measures.contrast import SETTING
from stages.results.rows import converged


def pairs(*runs):
    """Make rows of runs: learning rate, and (accuracy, min delta, monotone) without and with batch norm."""
    rows = []
    for lr, plain, normed in runs:
        for on, (accuracy, delta, monotone) in ((False, plain), (True, normed)):
            row = dict.fromkeys(SETTING, "same") | {"lr": lr, "batch_norm": on, "train_size": np.nan}
            row |= {"train_accuracy": accuracy, "min_delta": delta, "monotonic": monotone, "run_id": f"{lr}-{on}"}
            rows.append(row)
    return pd.DataFrame(rows)


def chosen(rows):
    pair = choose(rows)
    assert pair.plain["lr"] == pair.normed["lr"]
    assert not pair.plain["batch_norm"]
    assert pair.normed["batch_norm"]
    return pair.plain["lr"]


def test_a_contrast_goes_before_accuracy_and_accuracy_before_the_height_of_the_bump():
    inaccurate = (0.1, (0.95, 0.0, True), (0.99, 9.0, False))
    low = (0.2, (0.99, 0.0, True), (1.0, 0.5, False))
    high = (0.3, (1.0, 0.0, True), (1.0, 0.7, False))
    both = (0.4, (1.0, 5.0, False), (1.0, 99.0, False))
    assert chosen(pairs(inaccurate, low, high, both)) == 0.3
    assert chosen(pairs(inaccurate, both)) == 0.1
    assert chosen(pairs(both)) == 0.4


def test_without_a_contrast_the_largest_gap_is_drawn():
    small = (0.1, (1.0, 0.0, True), (1.0, 0.0002, True))
    large = (0.2, (1.0, 0.0, True), (1.0, 0.0009, True))
    assert chosen(pairs(small, large)) == 0.2


def test_runs_that_differ_in_more_than_batch_norm_are_no_pair():
    rows = pairs((0.1, (1.0, 0.0, True), (1.0, 9.0, False)))
    assert choose(rows.assign(lr=[0.1, 0.2])) is None
    assert choose(rows.head(0)) is None


def test_every_class_and_example_is_drawn_in_both_panels():
    made = results()
    drawing = draw("figure_03", made)
    curves = made.curves["classifiers"]
    for on, ax in zip((False, True), drawing.figure.axes, strict=True):
        data = drawing.data[drawing.data["batch_norm"] == on]
        assert set(data["class"]) == set(range(10))
        assert data.groupby("example")["alpha"].apply(list).map(len).eq(len(curves.alphas)).all()
        starts = [line for line in ax.lines if line.get_marker() == "o"]
        assert len(starts) == len(ax.texts) == curves.path_labels.shape[1]
        shown = {text.get_text() for text in ax.texts}
        assert shown == {str(label) for label in range(10)}  # class 9 too, which the authors' release left out
        assert "% of variance" in ax.get_xlabel()
        drawn = sorted(tuple(map(tuple, line.get_xydata())) for line in curves_in(ax))
        paths = data.groupby("example")[["component_1", "component_2"]].apply(
            lambda path: tuple(map(tuple, path.values))
        )
        assert drawn == sorted(paths)


def test_the_paths_are_the_principal_components_of_all_outputs():
    made = results()
    data = draw("figure_03", made).data
    curves = made.curves["classifiers"]
    for run, panel in data.groupby("run_id"):
        flat = curves.paths[curves.run_ids.index(run)].reshape(-1, 10)
        centred = flat - flat.mean(axis=0)
        wanted = centred @ np.linalg.svd(centred, full_matrices=False)[2][:2].T
        found = panel[["component_1", "component_2"]].to_numpy()
        np.testing.assert_allclose(np.abs(found), np.abs(wanted), atol=1e-9)


def test_the_title_says_when_both_lines_are_monotone():
    made = results()
    rows = made.measures[made.measures["min_delta"] == 0]
    drawing = draw("figure_03", replaced(made, measures=rows))
    assert "both lines are monotone" in drawing.figure.get_suptitle().replace("\n", " ")
    assert len(converged(replaced(made, measures=rows).lines())) == len(rows[rows["status"] == "converged"])


def test_suites_that_keep_no_paths_are_told():
    made = results()
    curves = replaced(made.curves["classifiers"], paths=made.curves["classifiers"].paths[:, :, :0])
    drawing = draw("figure_03", replaced(made, curves={"classifiers": curves}))
    assert all("no paths were kept" in ax.texts[0].get_text() for ax in drawing.figure.axes)
    assert drawing.data.empty
