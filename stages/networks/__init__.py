"""Networks as plain modules, their parameters as vectors, and their evaluation in stacks of many at once."""
