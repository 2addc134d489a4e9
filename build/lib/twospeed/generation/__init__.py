"""A running episode: action -> next chunk -> frames, and the Gymnasium view of it.

May import core, worldmodel and memory.
"""
