"""The sources that a dataset may come from, each declared once; every module here is found, see docs/extending.md."""

import stages.config  # noqa: F401 (whose import finds these modules)
