"""Lines between weights: endpoints, the one sweep along them, and the curves it gives."""
