"""Logs of play: arrays of frames and actions, and videos with keyboard and mouse."""
