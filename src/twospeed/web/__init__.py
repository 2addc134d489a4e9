"""The play page: sessions that walk in a dream, the server that shows them, the page itself."""
