"""Commands that act by what is imagined and remembered."""
