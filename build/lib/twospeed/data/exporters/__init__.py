"""Shards as datasets of other formats.

May import core and worlds.
"""
