"""Measures of lines: one number each, one file each, defined without the network that was walked."""
