"""Memory that draws anew: seen views as rows of fast weights, and where each was seen."""
