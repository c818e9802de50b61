"""Side-by-side measurements of this project against what people write without it: `make bench`."""
