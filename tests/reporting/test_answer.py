"""The answer counts lines, and its words follow the counts and verdicts, whichever way they go."""

import sys
from pathlib import Path

import numpy as np
import pytest
from judged import judged

sys.path.append(str(Path(__file__).parents[1] / "figures"))

from figures_results import results, without_rows
from results_in_memory import replaced

from stages.claims.finding import Verdict
from stages.reporting.answer import answer


@pytest.fixture(scope="module")
def made():
    found = results(("classifiers",), seeds=3)
    table = found.measures.assign(status="converged", monotonic=True, bump_alpha=np.nan, normalized_distance=1.0)
    return replaced(found, measures=table)


def failing(made, places, tops, distances=50.0):
    """Return the results with non-monotone lines at some places, whose rises top out at some alphas."""
    table = made.measures.copy()
    table["monotonic"] = table["monotonic"].astype(object)
    table.loc[table.index[places], "monotonic"] = False
    table.loc[table.index[places], "bump_alpha"] = tops
    table.loc[table.index[places], "normalized_distance"] = distances
    return replaced(made, measures=table)


def texts(found):
    return [text for _, text in found.questions]


def test_lines_are_counted_by_kind(made):
    found = answer(failing(made, range(6), [0.1, 0.2, 0.5, 0.95, 1.0, 1.0]), [])
    total = len(made.measures)
    assert (found.lines, found.monotone) == (total, total - 6)
    assert found.failures == {"near the start": 2, "in between": 1, "at the end": 3}
    whether, when, why = texts(found)
    assert f"on {total - 6} of {total} straight lines" in whether
    assert when == (
        f"Where training travels far: 0 of {total - 6} lines shorter than 3 times the norm of the initial weights "
        "(0.0 %) rise, 6 of 6 longer ones (100.0 %) rise."
    )
    counts = "near the start on 2, in between on 1, at the end on 3"
    assert why == f"The largest rise of the 6 non-monotone lines tops out {counts}."


@pytest.mark.parametrize(
    ("share", "word"), [(0.0, "Nearly always"), (0.3, "Mostly"), (0.5, "In about half"), (0.9, "Rarely")]
)
def test_words_follow_the_counts(made, share, word):
    count = round(share * len(made.measures))
    assert texts(answer(failing(made, range(count), 1.0), []))[0].startswith(f"{word}: ")


def test_distance_is_not_said_to_tell_where_it_does_not(made):
    short = failing(made, range(6), 1.0, distances=0.5)
    far = short.measures["normalized_distance"].where(np.arange(len(short.measures)) < 9, 50.0)
    when = texts(answer(replaced(short, measures=short.measures.assign(normalized_distance=far)), []))[1]
    assert when.startswith("By the distance travelled: 6 of 9 lines shorter than 3 times")
    assert f"0 of {len(far) - 9} longer ones" in when


def test_a_treatment_is_said_to_help_only_if_its_claim_is_supported(made):
    rising = failing(made, [0], 1.0)
    name = "warm_up_prevents_failures_near_the_start"
    for verdict, words in (
        (Verdict.SUPPORTED, "warm-up lowers"),
        (Verdict.UNDERPOWERED, "warm-up is not shown to lower"),
    ):
        why = texts(answer(rising, [judged(name, verdict, effect=0.3, low=0.1, high=0.5)]))[2]
        assert f"a learning-rate {words} the share that fails near the start, by 0.3 (0.1 to 0.5) in pairs." in why
    when = texts(answer(rising, [judged("distance_decides", Verdict.OPPOSITE, effect=0.3, low=0.1, high=0.4)]))[1]
    assert when.endswith("with probability 0.3 (0.1 to 0.4), opposite.")


def test_nothing_is_claimed_without_runs(made):
    found = answer(without_rows(made), [])
    assert (found.lines, found.monotone) == (0, 0)
    assert texts(found)[0] == "No run has converged, so there is no line to judge."
    assert texts(found)[2] == "No line of a converged run is non-monotone."
