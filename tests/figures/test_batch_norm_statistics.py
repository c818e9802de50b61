"""Table 9 and figure 41: verdicts by estimate of batch-norm statistics, counted on made-up lines."""

import numpy as np
import pytest
from figures_drawn import curves_in, draw, labelled, panels, points, rehearse, said, texts
from results_in_memory import replaced
from statistics_results import made_lines

from stages.claims.finding import Verdict
from stages.claims.registry import claims
from stages.config import LineStatistics
from stages.figures.batch_norm_statistics import describe
from stages.figures.registry import tables
from stages.measures.proportion import wilson_of_share
from stages.results.matched_statistics import OWN, matched_lines

RISES = [
    [0.0, 0.0, 0.002, 0.0005],  # risen in one draw of two
    [0.0, 0.0, 0.004, 0.003],
    [0.05, 0.04, 0.06, 0.06],
    [0.002, 0.0, 0.0, 0.0],  # risen on its own line alone
    [0.0, 0.0, 0.0, 0.0],
]


def cells(made):
    found = tables()["table_9"].make(made).data
    return {(row.statistics, row.tolerance): row for row in found.itertuples()}


def test_lines_are_counted_beside_the_own_lines_of_their_runs():
    found = cells(made_lines(RISES))
    assert len(found) == 3 * 4
    own, release = found[OWN, 0.001], found["release", 0.001]
    assert (own.proportion, own.gained, own.lost, own.difference) == (0.4, 0, 0, 0)
    assert (release.runs, release.draws, release.proportion) == (5, 2, pytest.approx(0.5))
    assert (release.gained, release.lost, release.difference) == (1.5, 1.0, pytest.approx(0.1))
    assert (release.low, release.high) == pytest.approx(wilson_of_share(0.5, 5, 0.95))
    assert release.difference_low < 0.1 < release.difference_high
    assert found["release", 0.0].proportion == pytest.approx(0.6)
    assert found["release", 0.01].proportion == found[OWN, 0.01].proportion == pytest.approx(0.2)
    assert found["mean", 0.001].proportion == pytest.approx(0.2)


def test_the_range_is_over_the_draws_of_a_run():
    release = cells(made_lines(RISES))["release", 0.0]
    assert release.largest_range == pytest.approx(0.0015)
    assert release.median_range == pytest.approx(0.0)
    assert np.isnan(cells(made_lines(RISES))["mean", 0.0].largest_range)


def test_runs_that_did_not_converge_and_lines_without_a_verdict_do_not_count():
    ended = ["converged", "above threshold", "diverged", "converged", "converged"]
    assert cells(made_lines(RISES, ended))["release", 0.0].runs == 3
    lost = [*RISES[:4], [0.0, 0.0, np.nan, 0.0]]
    lines = matched_lines(made_lines(lost))
    assert lines.groupby("statistics").size().to_dict() == {OWN: 5, "mean": 5, "release": 9}


def test_the_figure_shows_every_line_and_the_run_that_rises_by_redrawing_alone():
    drawing = draw("figure_41", made_lines(RISES))
    rehearse(drawing)
    assert labelled(drawing)
    first, example = panels(drawing)
    assert len(points(first)) == 5 * 4
    assert len(curves_in(example)) == 3
    assert set(drawing.data.loc[drawing.data["alpha"].notna(), "run_id"]) == {"run1"}
    assert "moving average (0.1) over batches of 64, redrawn at each α" in " ".join(texts(drawing).split())


@pytest.mark.parametrize("made", [made_lines(RISES, ["diverged"] * 5), made_lines([[0.0] * 4] * 3)])
def test_a_panel_without_lines_says_why(made):
    drawing = draw("figure_41", made)
    rehearse(drawing)
    assert said(panels(drawing)[-1]) == ["no line rises where batches are redrawn alone"]
    assert labelled(drawing)


def test_suites_without_a_row_make_an_empty_table_and_figure():
    made = made_lines(RISES)
    none = replaced(made, measures=made.measures[:0])
    assert tables()["table_9"].make(none).data.empty
    assert draw("figure_41", none).data.empty


def test_estimates_are_described():
    assert describe(LineStatistics(batch_size=32)) == "mean over batches, batches of 32, stored order"
    batch = LineStatistics(estimate="batch", batch_size=8, order="shuffled")
    assert describe(batch) == "each batch's own, batches of 8, one random order"


def judge(made):
    return claims()["release_statistics_break_monotonicity"].assess(made)


def test_the_claim_is_about_redrawn_batches_in_matched_pairs():
    many = judge(made_lines([[0.0, 0.0, 0.004, 0.002]] * 12 + [[0.0] * 4] * 12))
    assert (many.verdict, many.effect) == (Verdict.SUPPORTED, pytest.approx(0.5))
    assert judge(made_lines([[0.0, 0.004, 0.0, 0.0]] * 60)).verdict == Verdict.ABSENT
    assert judge(made_lines([[0.004, 0.0, 0.0, 0.0]] * 30)).verdict == Verdict.OPPOSITE
    assert judge(made_lines([[0.0, 0.0, 0.002, 0.002]] + [[0.0] * 4] * 6)).verdict == Verdict.UNDERPOWERED
    assert judge(made_lines(RISES, ["diverged"] * 5)).verdict == Verdict.NOT_TESTABLE
