"""Lines between weights: their endpoints, the sweep that evaluates them, and the curves that it gives."""
