"""The command line: one file a group of commands; nothing imports it.

May import everything.
"""
