"""Train grids of networks, walk the lines between their weights, measure them, and draw what was found.

One script a stage (`python -m stages.train_grid`), and beside them the packages they are made of. Imports run one way:
scripts -> figures, lines, training, theory -> measures, networks, datasets -> config, files.
"""

from stages.interpreter import print_any_character, use_environment, use_utf8
from stages.products import choose

use_environment()
use_utf8()
print_any_character()
choose()
