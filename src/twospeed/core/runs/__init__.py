"""Folders in which runs go on: one process at a time, one run a folder."""
