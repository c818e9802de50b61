"""The networks that a run may name, each declared once; every module here is found, see docs/extending.md."""

import stages.config  # noqa: F401 (whose import finds these modules)
