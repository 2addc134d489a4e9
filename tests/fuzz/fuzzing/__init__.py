"""Changing real files at random, and holding readers to what they may do with them."""
