"""Memories on one backbone under one protocol: same seeds, noise and context, told apart only by what they keep."""
