"""The Terminator: slow nets draw hyper-kernels, the HyperZ·Z·W operator lets them act on features.

The way of the data: coordinates -> slow_net, local_net -> operators, gates -> block -> network,
then fast (the same numbers sooner), fitting, looking inside, benches. Read first: presets.py,
block.py, network.py. Imports only `twospeed.core`.

Axis letters of this room, beside those of `core.shapes`:

    S  all position axes at once: (N,), (H, W) or (T, H, W)      D  axes of a coordinate grid
    N  positions of a sequence, or all positions in one row      G  groups of channels

After: H. Zhang, "HyperZ·Z·W Operator Connects Slow-Fast Networks for Full Context Interaction",
arXiv 2401.17948; equation numbers in this room are that paper's. docs/terminator.md has all
formulas, and the points where paper, author's code and our presets differ.
"""
