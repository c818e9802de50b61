"""Worker processes and machines: tasks run in parallel, and their results do not depend on where they ran."""
