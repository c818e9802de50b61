"""Counts and means of the paper's tables that its effects are computed from (Lucas et al. 2021)."""

import numpy as np

TABLE_1_RATES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
"""Learning rates of table 1."""
TABLE_1 = {
    ("sgd", True): ((0, 20), (0, 24), (0, 24), (0, 24), (0, 24), (4, 24), (20, 24), (16, 16)),
    ("sgd", False): ((0, 4), (0, 8), (0, 12), (0, 20), (4, 20), (0, 12), (0, 4), (0, 4)),
    ("adam", True): ((4, 24), (15, 22), (20, 24), (24, 24), (16, 16), (16, 16), (4, 4), (0, 0)),
    ("adam", False): ((0, 24), (4, 20), (0, 12), (0, 4), (0, 0), (0, 0), (0, 0), (0, 0)),
}
"""Non-monotone and all lines by optimizer and batch norm, for each rate of `TABLE_1_RATES`: the table's proportions
times its counts."""
TABLES_2_AND_4 = {
    "sgd": {"BN": ((14, 26), (9, 20)), "others": ((0 + 0 + 3, 26 + 23 + 27), (0 + 0 + 5, 16 + 18 + 18))},
    "adam": {"BN": ((17, 22), (10, 16)), "others": ((8 + 4 + 1, 30 + 20 + 23), (0, 15 + 15 + 19))},
}
"""Non-monotone and all lines of residual networks by optimizer, in tables 2 and 4: with batch norm and the standard
initialisation, and all others."""
TABLE_5 = {
    "distance": (
        (8.096, 345.209, 340.998, 303.907),
        (9.369, 346.826, 339.540, 303.721),
        (10.893, 349.413, 339.056, 302.552),
        (14.177, 345.592, 339.428, 304.109),
        (108.508, 349.016, 350.103, 326.380),
    ),
    "gauss_length": (
        (0.5341, 7.0822, 7.3366, 6.9005),
        (0.5773, 7.2208, 7.0211, 6.8331),
        (0.6939, 7.1144, 7.2666, 7.2307),
        (1.1351, 7.3067, 7.3285, 6.9953),
        (2.9144, 7.3783, 7.4592, 6.8579),
    ),
}
"""Means for each learning rate of SGD: SGD throughout, then Adam from epoch 2, 10 and 50."""
TABLE_6 = {
    "distance": (
        (350.174, 22.257, 59.986, 174.958),
        (659.236, 58.773, 196.794, 420.652),
        (1220.432, 185.892, 384.983, 726.063),
    ),
    "gauss_length": ((7.135, 1.447, 2.349, 4.472), (9.933, 3.766, 7.325, 9.365), (10.313, 6.156, 7.391, 9.873)),
}
"""Means for each learning rate of Adam: Adam throughout, then SGD from epoch 2, 10 and 50."""
DISTANCE_OF_SGD_WITH_LENGTH_OF_ADAM = 381.65
"""Mean distance of steps in SGD's direction with Adam's length (appendix C.4)."""


def initial_norm_of_switched_networks() -> float:
    """Return |theta_0| of a 784-1024-1024-10 network in expectation, by PyTorch's default initialisation.

    Weights and biases of a layer with n inputs are uniform in +-1/sqrt(n), so their variance is 1 / (3 n).
    """
    layers = ((784, 1024), (1024, 1024), (1024, 10))
    return float(np.sqrt(sum((inputs + 1) * outputs / (3 * inputs) for inputs, outputs in layers)))


def mean_ratio(table: tuple[tuple[float, ...], ...]) -> float:
    """Return the geometric mean, over rows, of the first column over the others' geometric mean."""
    logs = np.log(np.array(table))
    return float(np.exp((logs[:, 0] - logs[:, 1:].mean(1)).mean()))
