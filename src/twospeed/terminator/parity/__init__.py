"""The network against arrays of a reference, name by name."""
