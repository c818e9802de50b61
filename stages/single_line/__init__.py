"""One line between checkpoints, without a file of parameters: what `python -m stages.line` and `stages.api` use."""
