"""Splitters: from a task in words to sub-goals, one after the other."""
