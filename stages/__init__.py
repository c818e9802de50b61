"""Train grids of networks, walk the lines between their weights, measure them, and draw what was found.

A script for each stage (`python -m stages.train_grid`), and beside the scripts the packages that they are made of.
"""

from importlib.util import find_spec

from stages.shared.products import choose

if find_spec("torch") is None:
    raise ModuleNotFoundError("this Python has no PyTorch; activate .venv (. .venv/bin/activate) or run `make repro`")
choose()
