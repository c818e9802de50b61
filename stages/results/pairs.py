"""Lines between different runs."""

from collections.abc import Sequence

import pandas as pd

from stages.results.results import Results


def lines_between_runs(results: Results, suite: str, names: Sequence[str]) -> pd.DataFrame:
    """Return the rows of some kinds of lines between runs; their status is `converged` if both of their runs converged.

    Args:
        results: The pooled suites.
        suite: Name of the suite.
        names: Names of kinds of lines in `lines` of the suite.

    Returns:
        Rows as of `Results.other_lines`. The status of a line is that of the run at its end, or if that converged, of
        the run at its start.
    """
    own = results.lines(once=False)
    status = own[own["suite"] == suite].set_index("run_id")["status"]
    rows = pd.concat([own.head(0), *(results.other_lines(suite, name) for name in names)], ignore_index=True)
    at_start = rows["start_run_id"].map(status)
    return rows.assign(status=rows["status"].where(rows["status"] != "converged", at_start))
