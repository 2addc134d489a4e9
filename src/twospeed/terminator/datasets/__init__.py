"""Labelled pictures, sequences and clips: built-in sets, files, and a task that is drawn."""
