"""Slow learning on weights that are there already: all of them, or an adapter beside them."""
