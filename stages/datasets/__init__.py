"""Loading and checking data: every source becomes one set of normalised tensors in one checked file."""
