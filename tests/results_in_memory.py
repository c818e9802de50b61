"""Results that tests make by hand, and change."""

from dataclasses import replace

import pandas as pd

from stages.results.results import Results
from stages.results.sources import Memory


def results_in_memory(measures, curves, suites, measure, theory, epochs, landscapes) -> Results:
    """Return results of these tables, curves and landscapes; `epochs` has a column `suite`."""
    by_suite = {suite: epochs[epochs["suite"] == suite] if len(epochs) else epochs for suite in suites}
    return Results(dict(suites), measure, Memory(measures, curves, landscapes, by_suite, theory))


def replaced(results, **fields):
    """Return the same results but for some of the arguments of `results_in_memory`; also a dataclass but for some
    fields."""
    if not isinstance(results, Results):
        return replace(results, **fields)
    memory = results.sources
    epochs = pd.concat([pd.DataFrame(), *memory.epochs_by_suite.values()], ignore_index=True)
    before = {
        "measures": memory.table,
        "curves": memory.curves_by_suite,
        "suites": results.suites,
        "measure": results.measure,
        "theory": memory.theory_by_model,
        "epochs": epochs,
        "landscapes": memory.landscapes_by_suite,
    }
    return results_in_memory(**(before | fields))
