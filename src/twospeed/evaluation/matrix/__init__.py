"""Memories on one backbone: same protocol, seeds, noise and context; what they keep differs."""
