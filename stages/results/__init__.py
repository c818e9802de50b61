"""Results of the stages before, as figures, tables, claims and pages read them."""
