"""Acting by what is imagined and remembered: splitters, planners, inverse dynamics, search, tasks.

May import all rooms but recipes and cli.
"""
