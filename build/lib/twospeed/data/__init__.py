"""Episodes and clips, how they are recorded from a world, and the shards they lie in on disk.

May import core and worlds.
"""
