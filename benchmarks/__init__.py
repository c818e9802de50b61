"""Benchmarks of this project against code that is usually written without it: `make bench`."""

import stages  # noqa: F401 (before NumPy, whose kernels it selects)
