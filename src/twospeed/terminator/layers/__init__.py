"""Slow nets, operators, gates and standardizations: what a block is put together from."""
