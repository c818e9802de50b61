"""The forest plot of all claims: effects and intervals, on one axis for each kind of effect."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import isfinite, log10

from matplotlib.ticker import MaxNLocator

from stages.reporting.judged_claim import JudgedClaim, in_words

PADDING = 0.04
"""Share of an axis that stays free at each end."""
TICKS_OF_RATIOS = tuple(digit * 10.0**power for power in range(-3, 4) for digit in (1, 2, 5))


@dataclass(frozen=True)
class EffectKind:
    """Effects that share an axis."""

    name: str
    """Name of the effects; those whose kind begins with it belong here."""
    about: str
    """One sentence on the meaning of a larger value."""
    null: float | None = None
    """Value under no effect; None if there is none."""
    ratio: bool = False
    """True for ratios, whose axis is logarithmic."""


KINDS = (
    EffectKind("difference of proportions", "Above 0, non-monotone lines are more frequent as claimed.", 0.0),
    EffectKind("share of lines", "1 if all lines obey the claim."),
    EffectKind("area under the ROC curve", "Probability that the larger value belongs to a non-monotone line.", 0.5),
    EffectKind("difference of areas under the ROC curve", "Above 0, the forecast is better as claimed.", 0.0),
    EffectKind("R²", "Share of the variance of the logarithm that a power law explains.", 0.0),
    EffectKind("ratio of geometric means", "Above 1, the first is larger as claimed; logarithmic axis.", 1.0, True),
    EffectKind("difference of means", "0 if both means are equal.", 0.0),
)


@dataclass(frozen=True)
class ForestRow:
    """One claim in the forest plot, with places between 0 (left end of the axis) and 1 (right end)."""

    judged: JudgedClaim
    effect: float
    low: float
    high: float
    paper: float | None
    """Place of the paper's effect; None if the paper gives none."""


@dataclass(frozen=True)
class ForestGroup:
    """The claims of one kind of effect."""

    kind: EffectKind
    ends: tuple[float, float]
    """Values at the left and the right end of the axis; their logarithms to base 10 for ratios."""
    rows: tuple[ForestRow, ...]
    ticks: tuple[tuple[float, str], ...]
    """Place and label of each tick."""

    def place(self, value: float) -> float:
        """Return the place of a value on the axis, between 0 and 1."""
        left, right = self.ends
        return round((_scaled(self.kind, value) - left) / (right - left), 5)

    @property
    def null(self) -> float | None:
        """Place of no effect; None if there is none."""
        return None if self.kind.null is None else self.place(self.kind.null)


def kind_of(effect: str) -> EffectKind:
    """Return the kind that an effect belongs to: one of `KINDS`, or else one of its own without a null value."""
    fitting = (kind for kind in KINDS if effect.startswith(kind.name))
    return next(fitting, EffectKind(effect, "Both the paper's value and ours are shown."))


def forest_groups(judged: Iterable[JudgedClaim]) -> list[ForestGroup]:
    """Arrange claims by the kind of their effect.

    Args:
        judged: The claims; those without an effect or without an interval are left out.

    Returns:
        The groups in the order of `KINDS`, then others; claims in their own order.
    """
    members: dict[EffectKind, list[JudgedClaim]] = {kind: [] for kind in KINDS}
    for one in judged:
        if all(isfinite(value) for value in (one.found.effect, one.found.low, one.found.high)):
            members.setdefault(kind_of(one.found.kind), []).append(one)
    return [_group(kind, shown) for kind, shown in members.items() if shown]


def _group(kind: EffectKind, shown: list[JudgedClaim]) -> ForestGroup:
    values = [value for one in shown for value in (one.found.effect, one.found.low, one.found.high)]
    values += [one.paper_effect for one in shown if one.paper_effect is not None]
    values += [] if kind.null is None else [kind.null]
    scaled = [_scaled(kind, value) for value in values]
    reach = (max(scaled) - min(scaled)) or 1.0
    group = ForestGroup(kind, (min(scaled) - PADDING * reach, max(scaled) + PADDING * reach), (), ())
    rows = []
    for one in shown:
        found = one.found
        paper = None if one.paper_effect is None else group.place(one.paper_effect)
        rows.append(ForestRow(one, group.place(found.effect), group.place(found.low), group.place(found.high), paper))
    candidates = TICKS_OF_RATIOS if kind.ratio else MaxNLocator(5).tick_values(min(values), max(values))
    ticks = [(group.place(float(tick)), in_words(float(tick))) for tick in candidates]
    return replace(group, rows=tuple(rows), ticks=tuple(tick for tick in ticks if 0 <= tick[0] <= 1))


def _scaled(kind: EffectKind, value: float) -> float:
    return log10(value) if kind.ratio else float(value)
