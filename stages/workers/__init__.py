"""Worker processes and machines: independent tasks wherever there is room, the results the same wherever they ran."""
