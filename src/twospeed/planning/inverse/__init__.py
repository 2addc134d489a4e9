"""Inverse dynamics: which command leads from the frames before a chunk to those of the chunk."""
