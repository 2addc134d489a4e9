"""Episodes as latents and windows, and the words that go with them."""
