"""Families of video diffusion models behind one contract: one file a family, and a table.

May import core and worldmodel.
"""
