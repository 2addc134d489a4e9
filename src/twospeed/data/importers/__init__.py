"""Recordings of other people: readers of their formats, and the one way from there to shards.

A reader (tables/, lerobot/, logs/) plans takes (plan.py, grid.py); run.py reads their frames and
writes shards; registry.py is the table of formats. May import core and worlds.
"""
