"""Fits of a classifier: settings, loop, checkpoints, optimisers, plots."""
