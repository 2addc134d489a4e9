"""New views drawn from seen ones: poses, motion, a plane sweep, the network."""
