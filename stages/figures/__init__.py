"""Figures and tables of the paper: tidy tables and curves in, a drawing and its data out."""
