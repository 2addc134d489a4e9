"""Slow learning and the slow-fast loop.

May import core, data, worldmodel, memory and generation.
"""
