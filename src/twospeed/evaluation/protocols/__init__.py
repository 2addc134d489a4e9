"""What is done with a model and a memory before frames are compared."""
