"""The stages of training a world model."""
