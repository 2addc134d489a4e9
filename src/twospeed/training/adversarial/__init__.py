"""Adversarial post-training: slow weights learn from what they generate themselves."""
