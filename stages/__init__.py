"""Train grids of networks, walk the lines between their weights, measure them, and draw what was found.

A script for each stage (`python -m stages.train_grid`), and beside the scripts the packages that they are made of.
"""

from stages.shared.products import choose

choose()
