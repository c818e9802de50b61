"""Checks of what is committed: the lock, the declared dependencies and the reports. Each yields one line a fault."""
