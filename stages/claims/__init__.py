"""Claims of the paper, one file a family: each is a function from results to a verdict with our number."""
