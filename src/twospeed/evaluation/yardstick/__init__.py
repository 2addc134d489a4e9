"""A small network that looks at clips of rooms: what it learns, and what it sees."""
