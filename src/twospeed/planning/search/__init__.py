"""Search: many futures imagined in one call, the best of them by likeness or familiarity."""
