"""Train grids of networks, walk the lines between their weights, measure them, and draw what was found.

One script a stage (`python -m stages.train_grid`), and beside them the packages they are made of. Imports run one way:
scripts -> figures, lines, training, theory -> measures, networks, datasets -> config, files.
"""

import os

from stages.interpreter import print_any_character, use_environment, use_utf8

use_environment()
use_utf8()
print_any_character()

# The same products wherever a matrix lies in memory, so in whichever row of a stack, and on x86-64 machines with AVX2:
# MKL, PyTorch and oneDNN (convolutions, GELU) otherwise choose their kernels by alignment and by processor. They read
# their variables at the first product. COMPATIBLE is the one branch of MKL that processors not by Intel do not refuse;
# they refuse the others silently, and MKL then has kernels of their own.
os.environ.setdefault("MKL_CBWR", "COMPATIBLE")
os.environ.setdefault("ATEN_CPU_CAPABILITY", "avx2")
os.environ.setdefault("ONEDNN_MAX_CPU_ISA", "AVX2")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # numpy's, whose sums depend on it
