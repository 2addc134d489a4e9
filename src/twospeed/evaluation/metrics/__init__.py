"""Numbers of frames and of scenes; no model is seen here."""
