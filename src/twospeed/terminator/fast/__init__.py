"""The same network sooner: equal numbers from fewer and larger operations."""
