"""Training many networks of one architecture together; a stack is only faster, never different."""
