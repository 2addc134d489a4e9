"""People rate clips, blind: a page, its server, answers in SQLite, and what they say together."""
