"""The chart of the run explorer: a Vega-Lite specification by Altair, whose controls need no JavaScript of our own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import floor, log10
from typing import Any

import altair as alt
from matplotlib.colors import to_hex

from stages.figures.style import MONOTONE, NON_MONOTONE

ALL = "all"
ACROSS = {
    "normalised distance": "normalized_distance",
    "distance": "distance",
    "Gauss length (radians)": "gauss_length_smooth",
    "Gauss length, total turning (radians)": "gauss_length_turning",
    "learning rate": "lr",
}
"""Columns of measures.csv that a point's horizontal place can show, by their names in the control."""
VERDICTS = {"monotone": to_hex(MONOTONE), "not monotone": to_hex(NON_MONOTONE)}
"""Colour of each verdict, as in the figures."""
OWN_TOLERANCE, SLIDER = "that of each suite", "by the slider"
FILTERS = (
    f"suite == '{ALL}' ? datum.first : datum.suite == suite",
    f"optimizer == '{ALL}' || datum.optimizer == optimizer",
    f"batch_norm == '{ALL}' || datum.batch_norm == (batch_norm == 'with')",
    f"status == '{ALL}' || datum.status == status",
    f"verdict == '{ALL}' || datum.verdict_now == verdict",
)
"""Conditions on the runs that all panels show, as expressions of the controls."""
LEAST_TOLERANCE = -8
"""Decimal logarithm at the left end of the slider, which stands for a tolerance of zero."""
DATA = "runs"
"""Name of the data set that the specification refers to."""
ON_RUN = "event.item && event.item.datum && event.item.datum.run_id"
"""Condition on an event: it is on a run, and not on a rule or on the box."""
ONCE = alt.InlineData(values=[{}])
"""Data of what is drawn once, not once for each run."""
WIDE = 880
"""Width in pixels from which the controls stand beside the chart; the page's style has the same."""
PLOT_WIDTH = f"clamp(windowSize()[0] - (windowSize()[0] > {WIDE} ? 420 : 130), 210, 900)"
"""Width of the panels in pixels, an expression: the window without controls, axis labels and margins."""


@dataclass(frozen=True)
class Choices:
    """Values that the controls of the explorer offer, and what scales depend on."""

    suites: Sequence[str]
    """Names of the suites."""
    optimizers: Sequence[str]
    """Names of the optimizers."""
    tolerance: float
    """Tolerance that the slider stands at first."""
    least_rise: float
    """Smallest min Delta above zero, in the unit of the loss."""
    alphas: Sequence[float]
    """Values of alpha of the curves."""


def specification(choices: Choices) -> dict[str, Any]:
    """Return the chart as a Vega-Lite specification without the runs, to be put into `datasets` as `DATA`.

    Args:
        choices: What the controls offer.

    Returns:
        The specification.
    """
    brush = alt.selection_interval(name="brush", encodings=["x", "y"])
    hover = alt.selection_point(
        name="hover", fields=["key"], on=f"pointerover[{ON_RUN}]", clear="pointerout", empty=False
    )
    by_id: Any = {"run_id": alt.binding(input="text", name="run id ", placeholder="click a point")}
    chosen = alt.selection_point(
        name="chosen",
        fields=["run_id"],
        on=f"click[{ON_RUN}]",
        bind=by_id,
        empty=False,
    )
    chart = alt.vconcat(
        _points(choices, brush, hover, chosen),
        _tally(),
        _chosen_run(chosen),
        _curves(choices, "shown", (brush, hover, chosen)),
        _curves(choices, "rise", (brush, hover, chosen)),
        data=alt.NamedData(DATA),
        spacing=18,
        background="transparent",
        config=_config(),
    )
    chart = chart.add_params(*_controls(choices))
    chart = chart.transform_calculate(**_calculated(choices))
    for condition in FILTERS:
        chart = chart.transform_filter(condition)
    return chart.to_dict()


def embedding() -> dict[str, Any]:
    """Return the options of Vega-Embed: panels as wide as the window allows, and no links to pages elsewhere.

    Vega-Lite has no responsive width of concatenated panels, so their width is a signal that is put into the compiled
    chart.
    """
    width = {"name": "width", "init": PLOT_WIDTH, "on": [{"events": "window:resize", "update": PLOT_WIDTH}]}
    return {"renderer": "svg", "actions": False, "patch": [{"op": "add", "path": "/signals/-", "value": width}]}


def _config() -> Mapping[str, Any]:
    """Return a style that takes its colours from the page, which has a light and a dark one."""
    ink = "currentColor"
    return {
        "font": "system-ui, sans-serif",
        "axis": {"labelColor": ink, "titleColor": ink, "domainColor": ink, "tickColor": ink, "gridColor": ink}
        | {"gridOpacity": 0.12, "labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal"},
        "legend": {"labelColor": ink, "titleColor": ink, "labelFontSize": 13},
        "title": {"color": ink, "fontSize": 14, "anchor": "start"},
        "text": {"color": ink, "fontSize": 13, "limit": {"expr": "width + 20"}},
        "rule": {"color": ink},
        "view": {"stroke": None},
    }


def _controls(choices: Choices) -> list[alt.Parameter]:
    """Return the controls, each an input of the page with a label; a keyboard reaches them all."""

    def select(name: str, label: str, options: Sequence[str]) -> alt.Parameter:
        return alt.param(name, value=options[0], bind=alt.binding_select(options=list(options), name=f"{label} "))

    slider = alt.binding_range(min=LEAST_TOLERANCE, max=1, step=0.1, name="tolerance slider, log₁₀ ")
    return [
        select("across_by", "across", list(ACROSS)),
        select("tolerance_by", "tolerance", [SLIDER, OWN_TOLERANCE]),
        alt.param("log_tolerance", value=round(log10(choices.tolerance), 1), bind=slider),
        select("suite", "suite", [ALL, *choices.suites]),
        select("optimizer", "optimizer", [ALL, *choices.optimizers]),
        select("batch_norm", "batch norm", [ALL, "with", "without"]),
        select("status", "training", ["converged", "above threshold", ALL]),
        select("verdict", "verdict", [ALL, *VERDICTS]),
        select("curves", "curves", ["loss over its start", "loss"]),
        alt.param("columns", value=ACROSS),
        alt.param("alphas", value=[float(f"{alpha:.6g}") for alpha in choices.alphas]),
    ]


def _calculated(choices: Choices) -> dict[str, str]:
    """Return what all panels share as expressions: the verdict by the tolerance, and the place of the point."""
    zero = _floor(choices)
    return {
        "limit": f"tolerance_by == '{OWN_TOLERANCE}' ? datum.tolerance"
        f" : log_tolerance <= {LEAST_TOLERANCE} ? 0 : pow(10, log_tolerance)",
        "risen": "datum.min_delta > datum.limit ? 1 : 0",
        "verdict_now": "datum.risen ? 'not monotone' : 'monotone'",
        "across": "datum[columns[across_by]]",
        "placed": "isValid(datum.across) && datum.across > 0 && isValid(datum.min_delta) ? 1 : 0",
        "up": f"datum.min_delta > 0 ? datum.min_delta : {zero} * pow(10, -0.35 - 0.8 * ((datum.row * 0.618034) % 1))",
    }


def _floor(choices: Choices) -> float:
    """Return the power of ten below all rises above zero, down to which the axis of min Delta is logarithmic."""
    return 10.0 ** floor(log10(choices.least_rise))


def _colour() -> alt.Color:
    scale = alt.Scale(domain=list(VERDICTS), range=list(VERDICTS.values()))
    return alt.Color("verdict_now:N", scale=scale, legend=alt.Legend(title=None, orient="top", symbolOpacity=1))


def _shape() -> alt.Shape:
    scale = alt.Scale(domain=list(VERDICTS), range=["circle", "triangle-up"])
    return alt.Shape("verdict_now:N", scale=scale, legend=alt.Legend(title=None, orient="top", symbolOpacity=1))


def _tooltip() -> list[alt.Tooltip]:
    names = {
        "suite:N": "suite",
        "run_id:N": "run",
        "about:N": "configuration",
        "status:N": "training",
        "verdict_now:N": "verdict",
        "min_delta:Q": "min Δ",
        "limit:Q": "tolerance",
        "normalized_distance:Q": "normalised distance",
        "gauss_length_smooth:Q": "Gauss length",
        "row:Q": "line of measures.csv",
    }
    return [alt.Tooltip(field, title=title) for field, title in names.items()]


def _points(choices: Choices, brush, hover, chosen) -> alt.LayerChart | alt.FacetChart:
    """Return the panel of runs: a point each, whose height is min Delta; below a rule those that never rise."""
    least = _floor(choices)
    zero = least * 10**-0.75
    exponents = range(round(log10(least)), 5)
    axis = alt.Axis(
        values=[zero, *(10.0**exponent for exponent in exponents)],
        labelExpr=f"datum.value < {least * 0.9} ? '0' : format(datum.value, '~g')",
        title="min Δ (unit of the loss)",
        grid=False,
    )
    up = alt.Y("up:Q", axis=axis, scale=alt.Scale(type="log", domainMin=least * 10**-1.3, nice=False, padding=6))
    across = alt.X(
        "across:Q",
        axis=alt.Axis(title=None, format="~g", tickCount=6),
        scale=alt.Scale(type="log", nice=False, padding=12),
    )
    points = (
        alt.Chart()
        .mark_point(filled=True)
        .encode(
            x=across,
            y=up,
            color=_colour(),
            shape=_shape(),
            opacity=alt.when(brush).then(alt.value(0.7)).otherwise(alt.value(0.12)),
            size=alt.when(hover | chosen).then(alt.value(260)).otherwise(alt.value(45)),
            tooltip=_tooltip(),
        )
        .transform_filter("datum.placed")
        .add_params(brush, hover, chosen)
    )
    border = alt.Chart(ONCE).mark_rule(strokeDash=[2, 3], opacity=0.6).encode(y=alt.datum(least * 10**-0.2))
    title = alt.TitleParams(text=alt.expr("'min Δ by ' + across_by"))
    return alt.layer(border, _tolerance(least), points).properties(height=340, width=600, title=title)


def _tolerance(least: float) -> alt.Chart:
    """Return a rule at the slider's tolerance, at the foot of the panel for one of zero."""
    place = alt.expr(f"max(pow(10, log_tolerance), {least})")
    shown = alt.expr(f"tolerance_by == '{SLIDER}' ? 0.8 : 0")
    return alt.Chart(ONCE).mark_rule(strokeDash=[6, 3], opacity=shown).encode(y=alt.YDatum(place, type="quantitative"))


def _tally() -> alt.LayerChart | alt.FacetChart:
    """Return the panel that counts the runs shown, by verdict, and says by which tolerance."""
    counted = (
        alt.Chart()
        .transform_aggregate(
            runs="count()",
            measured="valid(min_delta)",
            risen="sum(risen)",
            placed="sum(placed)",
            least_limit="min(limit)",
            most_limit="max(limit)",
        )
        .transform_calculate(
            counts="datum.risen + ' of ' + datum.measured + ' runs not monotone'",
            by="format(datum.measured ? datum.risen / datum.measured : 0, '.1%') + ', by a tolerance of '"
            " + format(datum.least_limit, '.2~g')"
            " + (datum.most_limit > datum.least_limit ? ' to ' + format(datum.most_limit, '.2~g') : '')",
            rest="datum.placed < datum.measured ? (datum.measured - datum.placed) + ' without ' + across_by : ''",
        )
    )
    counts = counted.mark_text(align="left", x=0, y=8, fontSize=16, fontWeight="bold").encode(text="counts:N")
    by = counted.mark_text(align="left", x=0, y=28).encode(text="by:N")
    rest = counted.mark_text(align="left", x=0, y=46).encode(text="rest:N")
    return alt.layer(counts, by, rest).properties(height=54, width=600)


def _chosen_run(chosen) -> alt.Chart:
    """Return the panel that names the chosen run, and leads to its row in the page's table."""
    return (
        alt.Chart()
        .transform_filter({"param": "chosen", "empty": False})
        .transform_calculate(name="'run ' + datum.run_id + ': its row and keys'", link="'#r' + datum.row")
        .mark_text(align="left", x=0, y=8, fontWeight="bold", cursor="pointer")
        .encode(text="name:N", href="link:N", tooltip=alt.value("Go to the row in the table"))
        .properties(height=16, width=600)
    )


def _curves(choices: Choices, field: str, selections) -> alt.LayerChart | alt.FacetChart:
    """Return a panel of curves along alpha, of the runs that are brushed, hovered over or chosen.

    The loss has an axis that is linear below 1 and logarithmic above, the largest rise so far a logarithmic one: most
    rises cannot be seen at the scale of the loss.
    """
    loss = field == "shown"
    scale = alt.Scale(type="symlog", constant=1) if loss else alt.Scale(type="log", nice=False)
    title = "Loss along lines in the box" if loss else "Largest rise so far"
    any_of: Any = {"or": [{"param": one.name, "empty": False} for one in selections]}
    flat = (
        alt.Chart()
        .transform_filter(any_of)
        .transform_filter("isValid(datum.min_delta)")
        .transform_calculate(place="sequence(0, length(datum.curve))")
        .transform_flatten(["curve", "place"], as_=["loss", "at"])
        .transform_calculate(alpha="alphas[datum.at]")
    )
    if loss:
        flat = flat.transform_calculate(shown="curves == 'loss' ? datum.loss : datum.loss / datum.start")
    else:
        sort: Any = [alt.SortField("at")]
        flat = flat.transform_window(lowest="min(loss)", groupby=["key"], sort=sort, frame=[None, 0])
        flat = flat.transform_calculate(risen="datum.loss - datum.lowest")
        flat = flat.transform_window(most="max(risen)", groupby=["key"], sort=sort, frame=[None, 0])
        flat = flat.transform_calculate(rise="datum.most > 0 ? datum.most : null")
    ends = [float(choices.alphas[0]), float(choices.alphas[-1])]
    across = alt.X(
        "alpha:Q", scale=alt.Scale(domain=ends), axis=alt.Axis(title=None if loss else "α (0 = initial, 1 = trained)")
    )
    up = alt.Y(f"{field}:Q", scale=scale, axis=alt.Axis(title=None, tickCount=5, format="~g"))
    one = selections[1] | selections[2]
    lines = flat.mark_line(clip=True).encode(
        x=across,
        y=up,
        detail="key:N",
        color=_colour(),
        strokeWidth=alt.when(one).then(alt.value(3.5)).otherwise(alt.value(0.9)),
        opacity=alt.when(one).then(alt.value(1)).otherwise(alt.value(0.55)),
        tooltip=_tooltip(),
    )
    foot = alt.Chart(ONCE).mark_rule(opacity=0.3).encode(y=alt.datum(0)) if loss else _tolerance(_floor(choices))
    return alt.layer(foot, lines).properties(height=220 if loss else 110, width=600, title=title)
