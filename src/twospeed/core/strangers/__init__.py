"""Names that others wrote, before they become places on disk."""
