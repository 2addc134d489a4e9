"""Learning to draw views anew: from frames whose poses a world records."""
