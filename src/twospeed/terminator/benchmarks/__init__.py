"""Speed, scaling and comparisons with other networks."""
