"""What all rooms stand on: errors, configurations, devices, seeds, progress, files.

Imports nothing of ours.
"""
