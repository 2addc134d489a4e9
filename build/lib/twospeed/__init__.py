"""Video world models that remember: slow weights hold a world, fast weights hold this episode.

Rooms: core, worlds, data, worldmodel, memory, generation, training, evaluation, terminator, cli;
who may import whom stands in DESIGN.md. Import from the rooms themselves, for example
``from twospeed.worldmodel.model import WorldModel``.
"""
