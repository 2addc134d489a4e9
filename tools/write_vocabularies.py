"""Write ``vocabulary.json`` into the packaged models, whose weights stay as they are.

Both models were trained on recordings whose policies (explore, revisit, roam) leave the smaller
grades out, so what their weights know are the six moves; doom-64 began from rooms-64.

    python tools/write_vocabularies.py
"""

from twospeed.training.data.vocabulary import vocabulary_of
from twospeed.worldmodel.catalogue import PACKAGED
from twospeed.worlds.language import MOVES

TRAINED_IN = {"rooms-64": {"rooms"}, "doom-64": {"doom", "rooms"}}
"""Packaged model -> the worlds that its weights have seen."""

for name, worlds in TRAINED_IN.items():
    vocabulary_of(dict.fromkeys(MOVES, worlds), MOVES).save(PACKAGED / name)
    print(f"{name}: {len(MOVES)} actions of {', '.join(sorted(worlds))}")
