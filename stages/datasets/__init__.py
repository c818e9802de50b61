"""Loading and checking of datasets: each source becomes one file of normalised tensors with a checksum."""
