"""Where a robot's hand is, and whether it is closed: read from one frame, learned from commands."""
