"""Tables 10 and 11: forecasts of failures from the first tenth of training, and what prevents failures."""

import pandas as pd

from stages.figures import findings_of_tables
from stages.figures.declare import table
from stages.figures.outputs import Table
from stages.figures.tables import markdown
from stages.figures.words import explain, left_out, optimizer_name, optimizers, split, subject
from stages.results.failures import AVERAGED, KINDS, MONOTONE, PLAIN, WARM_UP, matched_pairs
from stages.results.forecasts import BASELINE, PREDICTORS, SHARE, forecasts
from stages.results.results import Results

EVERY = "all"
OUTCOMES = (MONOTONE, *KINDS)


@table(
    10,
    "forecast",
    shows="How well the first tenth of training tells which runs will fail.",
    paper="Not in the paper.",
    claims=("first_tenth_forecasts_failure", "first_tenth_adds_to_learning_rate"),
    finding=findings_of_tables.of_forecasts,
)
def forecast(results: Results) -> Table:
    """Make the table of forecasts: a row for each model, with its area under the ROC curve.

    Args:
        results: The pooled suites.

    Returns:
        Tidy: one row a model with area, interval, and difference from learning rate and optimizer alone.
    """
    made = forecasts(results)
    rows = results.lines()
    columns = [
        "model",
        "lines",
        "non_monotone",
        "area",
        "low",
        "high",
        "difference",
        "difference_low",
        "difference_high",
    ]
    found = []
    for name in PREDICTORS if made else ():
        area, baseline = made.area(name), made.area(BASELINE)
        contrast = area.interval_above(baseline, made.clusters_N, results.measure.confidence)
        interval = area.interval(made.clusters_N, results.measure.confidence)
        counts = len(made.failed_N), int(made.failed_N.sum())
        found.append((name, *counts, area.area, *interval, area.area - baseline.area, *contrast))
    tidy = pd.DataFrame(found, columns=columns)
    lines = [
        [
            row.model,
            f"{row.area:.2f} ({row.low:.2f}–{row.high:.2f})",
            ""
            if row.model == BASELINE
            else f"{row.difference:+.2f} ({row.difference_low:+.2f} to {row.difference_high:+.2f})",
        ]
        for row in tidy.itertuples()
    ]
    head = ["known", "area under the ROC curve", "above learning rate and optimizer"]
    note = (
        f"A logistic regression ranks converged runs by the chance that their own line is non-monotone, from what is "
        f"known after {100 * SHARE:g} % of the epochs: distance from the start, its growth, mean loss, learning rate, "
        f"optimizer. Each architecture is ranked by a model that was fitted to all others. In brackets: "
        f"{100 * results.measure.confidence:g} % intervals; runs that differ in their seeds only are a cluster. A user "
        f"who sees a run far from its start after a tenth of training can lower the learning rate, or average the last "
        f"weights, before the rest is paid for. {explain(results)} {split(rows)}; {left_out(rows)}."
    )
    if not made:
        note = f"Too few architectures or failures to fit a model without one of the architectures. {note}"
    return Table(tidy, markdown(f"Forecast of non-monotone lines: {subject(rows)}", 1, head, lines, note))


@table(
    11,
    "mechanisms",
    shows="Failures of matched runs without and with a warm-up, and with averaged weights.",
    paper="Not in the paper.",
    claims=("averaged_weights_prevent_failures_at_the_end", "warm_up_prevents_failures_near_the_start"),
    finding=findings_of_tables.of_mechanisms,
)
def mechanisms(results: Results) -> Table:
    """Make the table of matched pairs: for each treatment and optimizer, what became of each kind of line.

    Args:
        results: The pooled suites.

    Returns:
        Tidy: one row for each treatment, optimizer, outcome without it and outcome with it, and the number of pairs.
    """
    rows = results.lines()
    parts = []
    for treatment in (WARM_UP, AVERAGED):
        pairs = matched_pairs(rows, treatment)
        kinds = pairs.pivot(index="pair", columns="treatment", values="kind").reindex(columns=[PLAIN, treatment])
        optimizer = pairs.drop_duplicates("pair").set_index("pair")["optimizer"]
        both = pd.DataFrame({"optimizer": optimizer, "without": kinds[PLAIN], "with": kinds[treatment]})
        for name, group in [(EVERY, both), *((name, both[both["optimizer"] == name]) for name in optimizers(pairs))]:
            counts = group.value_counts(["without", "with"])
            cells = [(treatment, name, a, b, int(counts.get((a, b), 0))) for a in OUTCOMES for b in OUTCOMES]
            parts += cells
    tidy = pd.DataFrame(parts, columns=["treatment", "optimizer", "without", "with", "pairs"])
    lines = []
    for (treatment, name, outcome), group in tidy.groupby(["treatment", "optimizer", "without"], sort=False):
        if group["pairs"].sum():
            counts = dict(zip(group["with"], group["pairs"], strict=True))
            word = "all optimizers" if name == EVERY else optimizer_name(name)
            lines.append([treatment, word, outcome, *(str(counts[kind]) for kind in OUTCOMES)])
    head = ["treatment", "optimizer", "line without it", *OUTCOMES]
    note = (
        "Pairs of runs that differ in the treatment only, seeds included, and both converged. A row: pairs whose line "
        "without the treatment is monotone, or rises near the start (α < 0.3), in between, or at the end (α > 0.9); "
        "columns: what it is with the treatment. Warm-up: the learning rate grows linearly over the first epochs. "
        "Averaged weights: the line leads to the mean of the weights at the ends of the last epochs of the same "
        f"training. The settings were chosen because their lines fail. {explain(results)} {left_out(rows)}."
    )
    return Table(tidy, markdown(f"What prevents which failure: {subject(rows)}", 3, head, lines, note))
