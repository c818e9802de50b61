"""Models small enough to be solved or simulated whole: what the paper's theory says, held to numbers."""
