"""Consolidation: what many memories of episodes hold becomes a skill of the slow weights."""
