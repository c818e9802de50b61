"""What the stages before found, as figures, tables, claims and pages read it."""
