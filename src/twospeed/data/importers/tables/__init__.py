"""Videos with tables that people write: which video, from when to when, what is done."""
