"""Small networks that look at clips of a world: what they learn, and what they see."""
