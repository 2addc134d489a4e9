"""Learning to recall: slow weights learn through the writes of fast weights."""
