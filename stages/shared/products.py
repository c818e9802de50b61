"""Kernels of matrix products and functions on a processor, chosen by the environment variable MLI_PRODUCTS.

Left to themselves, MKL, PyTorch, oneDNN, OpenBLAS and NumPy choose kernels by processor and by the address of a matrix,
and results differ in their last bits. They read variables of their own when they are loaded or at their first product,
so these are set before any of them is imported.
"""

import os
import sys

VARIABLE = "MLI_PRODUCTS"
DEFAULT = "avx2"

# Instruction sets beyond AVX2, by NumPy's names; NumPy ignores those that the processor lacks.
_BEYOND_AVX2 = "AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL AVX512_ICL"
_AVX2 = {
    "ATEN_CPU_CAPABILITY": "avx2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "OPENBLAS_CORETYPE": "Haswell",
    "NPY_DISABLE_CPU_FEATURES": _BEYOND_AVX2,
}
SETTINGS = {
    # The instructions of AVX2 wherever a matrix lies in memory, so in whichever row of a stack: the same bits on every
    # processor of one maker. MKL's branch AVX2 is Intel's; on others it silently takes kernels of their own.
    "avx2": _AVX2 | {"MKL_CBWR": "AVX2"},
    # COMPATIBLE is the one branch that MKL has on processors of all makers: the same bits everywhere, more slowly.
    "portable": _AVX2 | {"MKL_CBWR": "COMPATIBLE"},
    # Whatever this processor has, AVX-512 for one. AUTO keeps the results of one processor the same from run to run.
    "native": {"MKL_CBWR": "AUTO"},
}
"""Variables of the libraries, by value of MLI_PRODUCTS."""
NAMES = tuple(SETTINGS["portable"])
"""Names of the variables."""
NUMPY_VARIABLES = ("OPENBLAS_CORETYPE", "NPY_DISABLE_CPU_FEATURES")
"""Variables that NumPy and its OpenBLAS read when they are imported."""

numpy_was_first = False
"""True if NumPy was imported before its variables were set, so that it computes by kernels of its own choice."""


def choose() -> None:
    """Set the variables of the libraries according to MLI_PRODUCTS.

    If MLI_PRODUCTS is unset, variables of libraries that are set already stay as they are.

    Raises:
        SystemExit: If MLI_PRODUCTS has another value.
    """
    global numpy_was_first
    chosen = os.environ.get(VARIABLE) or DEFAULT
    if chosen not in SETTINGS:
        sys.exit(f"{VARIABLE}: got {chosen!r}, expected one of {', '.join(SETTINGS)}")
    before = {name: os.environ.get(name) for name in NUMPY_VARIABLES}
    for name in NAMES:
        if os.environ.get(VARIABLE):
            os.environ.pop(name, None)
        if name in SETTINGS[chosen]:
            os.environ.setdefault(name, SETTINGS[chosen][name])
    numpy_was_first = "numpy" in sys.modules and before != {name: os.environ.get(name) for name in NUMPY_VARIABLES}
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # NumPy's sums depend on it
