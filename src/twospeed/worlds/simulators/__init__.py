"""Worlds that stand on engines of others."""
