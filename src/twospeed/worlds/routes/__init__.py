"""Walks that come back to where they were."""
