import numpy as np
import pytest

from stages.measures.gauss_length import fraction_below_half_pi, smooth, turning

GRID = np.linspace(0, 1, 201)


class Curve:
    """A curve z(t) at t = t(alpha): its derivatives by alpha, by the chain rule."""

    def __init__(self, first, second, alphas=GRID, time=(lambda s: s, np.ones_like, np.zeros_like)):
        t, rate, change = (f(alphas)[:, None] for f in time)
        self.alphas = alphas
        self.v = (first(t) * rate)[:, None, :]
        self.a = (second(t) * rate**2 + first(t) * change)[:, None, :]

    def lengths(self):
        """Return both estimates."""
        return smooth(self.v, self.a, self.alphas)[0], turning(self.v)[0]


def arc(angle, radius=1.0, **options):
    return Curve(
        lambda t: radius * angle * np.hstack([-np.sin(angle * t), np.cos(angle * t)]),
        lambda t: radius * angle**2 * np.hstack([-np.cos(angle * t), -np.sin(angle * t)]),
        **options,
    )


def in_space(curve, dimensions=7, seed=0):
    """Turn a curve rigidly into a space of more dimensions."""
    directions = np.linalg.qr(np.random.default_rng(seed).standard_normal((dimensions, curve.v.shape[2])))[0]
    curve.v, curve.a = curve.v @ directions.T, curve.a @ directions.T
    return curve


@pytest.mark.parametrize("angle", [1e-6, 0.3, np.pi / 2, np.pi, 7.0])
@pytest.mark.parametrize("radius", [1e-30, 1e-3, 1.0, 1e30])
def test_an_arc_has_its_angle_at_any_radius(angle, radius):
    np.testing.assert_allclose(arc(angle, radius).lengths(), angle, rtol=1e-9)


SPEEDS = {
    "slower": (lambda s: 1 - (1 - s) ** 3, lambda s: 3 * (1 - s) ** 2, lambda s: -6 * (1 - s)),
    "faster": (lambda s: (np.exp(3 * s) - 1) / (np.e**3 - 1), lambda s: 3 * np.exp(3 * s) / (np.e**3 - 1),
               lambda s: 9 * np.exp(3 * s) / (np.e**3 - 1)),
}  # fmt: skip


@pytest.mark.parametrize("time", SPEEDS.values(), ids=SPEEDS)
def test_an_arc_has_its_angle_at_any_speed(time):
    alphas = np.linspace(0, 0.99, 401)
    angle = 2.0 * time[0](alphas[-1])
    curve = in_space(arc(2.0, 5.0, alphas=alphas, time=time))
    np.testing.assert_allclose(curve.lengths(), angle, rtol=1e-4)
    assert turning(curve.v)[0] == pytest.approx(angle, rel=1e-12)


def test_uneven_alphas_are_weighed_by_their_distance():
    alphas = np.sort(np.random.default_rng(0).uniform(size=300))
    angle = 2.0 * (alphas[-1] - alphas[0])
    np.testing.assert_allclose(arc(2.0, alphas=alphas).lengths(), angle, rtol=1e-12)


@pytest.mark.parametrize("time", [*SPEEDS.values(), (lambda s: s, np.ones_like, np.zeros_like)])
def test_a_straight_line_has_length_0_at_any_speed(time):
    direction = np.array([[3.0, -1.0, 0.5]])
    line = Curve(lambda t: direction + 0 * t, lambda t: 0 * t * direction, time=time)
    np.testing.assert_allclose(line.lengths(), 0, atol=1e-12)


def test_a_helix_has_the_length_of_its_circle_of_tangents():
    radius, pitch, turns = 2.0, 1.5, 6.0
    helix = Curve(
        lambda t: turns * np.hstack([-radius * np.sin(turns * t), radius * np.cos(turns * t), pitch + 0 * t]),
        lambda t: turns**2 * radius * np.hstack([-np.cos(turns * t), -np.sin(turns * t), 0 * t]),
    )
    length = turns * radius / np.hypot(radius, pitch)  # the tangents' circle has the radius r / |(r, c)|
    np.testing.assert_allclose(in_space(helix).lengths(), length, rtol=1e-4)
    assert smooth(helix.v, helix.a, GRID)[0] == pytest.approx(length, rel=1e-12)


def test_a_logarithmic_spiral_turns_as_much_as_its_angle():
    growth, angle = -0.4, 9.0
    rotation = np.array([[growth, -1.0], [1.0, growth]])  # z' = rotation z

    def position(t):
        return np.exp(growth * angle * t) * np.hstack([np.cos(angle * t), np.sin(angle * t)])

    spiral = Curve(
        lambda t: angle * position(t) @ rotation.T, lambda t: angle**2 * position(t) @ (rotation @ rotation).T
    )
    np.testing.assert_allclose(in_space(spiral).lengths(), angle, rtol=1e-12)


def wave(points):
    """Return z = (t, sin(8 t)) on a grid: its angle is arctan(8 cos(8 t)), up and down."""
    return Curve(
        lambda t: np.hstack([1 + 0 * t, 8 * np.cos(8 * t)]),
        lambda t: np.hstack([0 * t, -64 * np.sin(8 * t)]),
        alphas=np.linspace(0, 1, points),
    )


def test_both_estimates_converge_and_turning_from_below():
    angle = np.arctan(8 * np.cos(8 * np.linspace(0, 1, 10**6 + 1)))
    exact = np.abs(np.diff(angle)).sum()
    assert exact == pytest.approx(5 * np.arctan(8) - np.arctan(8 * np.cos(8)), rel=1e-6)  # down, up, partly down
    lengths = np.array([wave(points).lengths() for points in (21, 41, 81, 161, 321)])
    errors = np.abs(lengths - exact)
    assert (lengths[:, 1] <= exact + 1e-9).all()
    assert (np.diff(lengths[:, 1]) >= -1e-12).all()  # each grid holds the one before
    assert (errors[-1] < 0.002).all()
    assert errors[-1, 0] < errors[1, 0] / 20


def test_a_polyline_turns_by_its_corners_which_the_smooth_estimate_does_not_see():
    angles = np.array([0.0, 0.5, -0.7, 2.3])
    directions = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    v = np.repeat(directions * [[1.0], [5.0], [0.1], [2.0]], 10, axis=0)[:, None, :]
    assert turning(v)[0] == pytest.approx(0.5 + 1.2 + 3.0, rel=1e-12)
    assert smooth(v, np.zeros_like(v), np.linspace(0, 1, 40))[0] == 0


@pytest.mark.parametrize("small", [1e-9, 1e-4])
def test_small_angles_keep_their_digits(small):
    v = np.array([[1.0, 0.0], [np.cos(small), np.sin(small)]])[:, None, :]
    assert turning(v)[0] == pytest.approx(small, rel=1e-9)


def test_a_reversal_turns_by_pi():
    assert turning(np.array([[[1.0, 2.0]], [[-2.0, -4.0]]]))[0] == pytest.approx(np.pi)


@pytest.mark.parametrize("zero", [[0], [0, 1, 2], [7], [7, 8], [-1], [0, 5, -1]])
def test_a_zero_tangent_has_no_direction_and_is_passed_over(zero):
    curve = arc(1.5)
    curve.v, curve.a, curve.alphas = curve.v[::10], curve.a[::10], curve.alphas[::10]
    curve.v[zero] = 0
    moving = np.delete(curve.v, zero, axis=0)
    assert turning(curve.v)[0] == pytest.approx(turning(moving)[0], rel=1e-12)
    speed = np.full(21, 1.5)
    speed[zero] = 0
    assert smooth(curve.v, curve.a, curve.alphas)[0] == pytest.approx(np.trapezoid(speed, curve.alphas), rel=1e-12)


@pytest.mark.parametrize("moving", [0, 1])
def test_a_curve_at_rest_or_with_one_tangent_turns_by_0(moving):
    v = np.zeros((5, 1, 3))
    v[2 : 2 + moving] = 1.0
    assert turning(v)[0] == 0
    assert smooth(v, np.zeros_like(v), np.linspace(0, 1, 5))[0] == 0


@pytest.mark.parametrize("lost", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("where", ["v", "a"])
def test_a_curve_that_is_not_finite_is_nan_and_leaves_the_others_alone(lost, where):
    curves = [arc(angle) for angle in (1.0, 2.0, 3.0)]
    v, a = (np.concatenate([getattr(c, name) for c in curves], axis=1) for name in ("v", "a"))
    (v if where == "v" else a)[100, 1, 0] = lost
    np.testing.assert_allclose(smooth(v, a, GRID), [1.0, np.nan, 3.0], rtol=1e-9)
    np.testing.assert_allclose(turning(v), [1.0, np.nan if where == "v" else 2.0, 3.0], rtol=1e-9)


@pytest.mark.parametrize("scale", [1e-30, 1e-15, 1e15, 1e30])
def test_lengths_do_not_depend_on_scale(scale):
    curve = wave(81)
    expected = curve.lengths()
    np.testing.assert_allclose(smooth(curve.v * scale, curve.a * scale, curve.alphas), expected[0], rtol=1e-12)
    np.testing.assert_allclose(turning(curve.v * scale), expected[1], rtol=1e-12)
    np.testing.assert_allclose(turning(curve.v * scale**6), expected[1], rtol=1e-12)  # squares beyond double precision


def test_single_precision_is_computed_in_double():
    curve = wave(81)
    v, a = curve.v.astype(np.float32), curve.a.astype(np.float32)
    assert smooth(v, a, curve.alphas).dtype == turning(v).dtype == np.float64
    np.testing.assert_array_equal(smooth(v, a, curve.alphas), smooth(v.astype(float), a.astype(float), curve.alphas))
    np.testing.assert_allclose([smooth(v, a, curve.alphas)[0], turning(v)[0]], curve.lengths(), rtol=1e-5)
    tiny = (v * np.float32(1e-30), a * np.float32(1e-30))
    np.testing.assert_allclose([smooth(*tiny, curve.alphas)[0], turning(tiny[0])[0]], curve.lengths(), rtol=1e-5)


def test_inputs_are_left_unchanged():
    curve = arc(1.0)
    v, a = curve.v.copy(), curve.a.copy()
    curve.lengths()
    np.testing.assert_array_equal(v, curve.v)
    np.testing.assert_array_equal(a, curve.a)


def test_every_example_has_its_own_length():
    angles = [0.1, 1.0, 4.0]
    curves = [in_space(arc(angle), seed=seed) for seed, angle in enumerate(angles)]
    v, a = (np.concatenate([getattr(c, name) for c in curves], axis=1) for name in ("v", "a"))
    np.testing.assert_allclose(smooth(v, a, GRID), angles, rtol=1e-9)
    np.testing.assert_allclose(turning(v), angles, rtol=1e-9)


@pytest.mark.parametrize(
    ("v", "a", "alphas"), [((3, 2, 2), (3, 2, 1), 3), ((3, 2), (3, 2), 3), ((3, 2, 2),) * 2 + (4,)]
)
def test_other_shapes_are_refused(v, a, alphas):
    with pytest.raises(ValueError, match="want"):
        smooth(np.zeros(v), np.zeros(a), np.linspace(0, 1, alphas))


def test_one_alpha_is_refused():
    with pytest.raises(ValueError, match="want 1 >= 2 alphas"):
        smooth(np.zeros((1, 2, 2)), np.zeros((1, 2, 2)), np.zeros(1))
    with pytest.raises(ValueError, match="A >= 2"):
        turning(np.zeros((1, 2, 2)))
    with pytest.raises(ValueError, match="A >= 2"):
        turning(np.zeros((3, 2)))


def test_the_fraction_below_half_pi():
    below, above = np.nextafter(np.pi / 2, 0), np.nextafter(np.pi / 2, 2)
    lines = [[below, np.pi / 2, above, 0.0], [below], [0.0, np.nan], []]
    np.testing.assert_array_equal(fraction_below_half_pi([np.array(one) for one in lines]), [0.5, 1.0, np.nan, np.nan])
