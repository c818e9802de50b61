"""Errors, files, the store, seeds, progress bars and the environment, which every other package uses."""
