"""Executors: act in a world by what is imagined, and look again after every chunk."""
