"""What every package uses: errors, files, the store, seeds, progress and the environment."""
