"""From memories to slow weights that keep what they could: skills, bounds, roll-back, report."""
