"""From episodes' scores to figures, pictures and pages."""
