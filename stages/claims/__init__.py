"""What the paper says, as functions on the tables: each claim with ours beside the paper's number, and a verdict."""
