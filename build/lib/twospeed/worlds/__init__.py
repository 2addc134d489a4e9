"""Worlds that are driven by language: the protocol, the built-in rooms, simulators, their table.

May import core.
"""
