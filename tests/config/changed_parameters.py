"""Keys of the tiny parameters, and values that tests set them to."""

SUITE = "suites.tiny"
RUNS, GRID = f"{SUITE}.runs", f"{SUITE}.grids.main"
FRESH = f"{SUITE}.lines.fresh"
LINES = {"kind": "fresh", "count": 2, "initialization": "own", "among": {}}
OTHER = f"{SUITE}.lines.other"
PAIRS = {"kind": "pairs", "start": "final", "end": "final", "matching": None, "among": {}}
LAYERS = {"kind": "layers", "of": "layer", "rest": "final", "among": {}}
STATISTICS = {"kind": "statistics", "batch_norm": {"order": "redrawn"}, "count": 2, "among": {"batch_norm": [True]}}
PLANE = f"{SUITE}.planes.one"
FIRST = {"batch_norm": [True], "optimizer": ["sgd"]}
POINTS = {
    "start": {"point": "initial", "among": FIRST},
    "end": {"point": "final", "among": FIRST},
    "other": {"point": "final", "among": {"batch_norm": [True], "optimizer": ["adam"]}},
}


def plane(points=POINTS, **options):
    return {PLANE: {"points": points, "grid": 5, "margin": 0.1} | options}


MODEL = "theory.two_layer_linear"
TEXT = {
    "source": "esperanto", "sentences": 50, "seed": 0, "vocabulary": 300, "block": 16, "test_fraction": 0.1,
    "evaluation_examples": 4, "evaluation_seed": 0,
}  # fmt: skip
LANGUAGE = {
    "dataset": "corpus", "threshold": 5.0, "tolerance": 0.0, "gauss_examples": 0, "path_examples": 0, "lines": {},
    "planes": {},
    "runs": {"network": "roberta", "layers": 1, "hidden_size": 8, "heads": 2, "loss": "cross_entropy",
             "optimizer": "adam", "lr": 0.01, "epochs": 1, "batch_size": 4},
    "grids": {"main": {"seed": [0]}},
}  # fmt: skip


def language(text=None, suite=None, **runs):
    """Return the changes that add a suite of a language model."""
    whole = LANGUAGE | {"runs": LANGUAGE["runs"] | runs} | (suite or {})
    return {"datasets.corpus": TEXT | (text or {}), "suites.language": whole}
