"""The commands of the simulated worlds, one file for each kind of life, and how people say them.

No saying means two things in any two worlds. May import core and the rest of worlds.
"""
