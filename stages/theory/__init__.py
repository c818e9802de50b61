"""Models of the paper's theory, small enough to be solved or simulated exactly."""
