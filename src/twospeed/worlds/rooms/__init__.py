"""The built-in rooms: floor plans, looks, rays, pictures."""
