"""Slow learning on weights that are there already: all of them, or a low-rank adapter beside them."""
