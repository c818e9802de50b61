"""Side-by-side measurements of this project against what people write without it: `make bench`."""

import stages  # noqa: F401 (before NumPy, whose kernels it chooses)
