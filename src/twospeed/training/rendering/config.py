"""How a renderer is trained: the settings of learning.py."""

from dataclasses import dataclass, field
from typing import Annotated

from twospeed.core.fields import check_fields
from twospeed.core.ranges import Above, Batch, Count, Width, Within
from twospeed.training.loop_config import LoopConfig
from twospeed.worldmodel.rendering.camera import Camera


@dataclass(frozen=True, kw_only=True, slots=True)
class RenderingRun:
    """Everything that a training of the renderer depends on; by default there is none.

    It needs episodes with poses. A model that has a renderer goes on with it, in its own sizes; the
    camera is this one.
    """

    episodes: Count = 800
    """About how many episodes it learns from; their frames are kept on disk."""

    scenes: Annotated[int, Within(0, 8192)] = 4
    """Episodes that views are drawn of in a step; with 0 motion alone is learned."""

    references: Annotated[int, Within(2, 64)] = 4
    """Most seen views that a new one is drawn from."""

    queries: Annotated[int, Within(2, 64)] = 3
    """New views of a scene; the last is one of the seen ones, drawn from the others."""

    rays: Batch = 96
    """Rays of a view in a step."""

    pairs: Batch = 64
    """Pairs of frames between which motion is read in a step."""

    farthest: Annotated[float, Within(0, 1e6)] = 1.1
    """Metres to the nearest seen view, at most."""

    noise: Annotated[float, Within(0, 1e6)] = 0.02
    """Most that poses of seen views are off, in metres; headings two fifths as many radians."""

    depth_weight: Annotated[float, Within(0, 1e6)] = 0.03
    """Weight of the depths that the encoder says against those where rays end."""

    reach: Annotated[float, Above(0, 100)] = 1.0
    """Slope at the edge of a frame; 1 for a field of view of 90 degrees."""

    pitch: Annotated[float, Within(-1, 1)] = 0.0
    """Radians that the camera looks down."""

    carries_on: bool = False
    """Whether what moves keeps moving, so that the step before a chunk tells of the next one."""

    features: Width = 24
    """Features of the encoder."""

    width: Width = 32
    """Features of a sample."""

    depths: Annotated[int, Within(2, 1024)] = 24
    """Depths along a ray."""

    @property
    def camera(self) -> Camera:
        """What the episodes are seen with."""
        return Camera(self.reach, self.pitch)

    loop: LoopConfig = field(
        default_factory=lambda: LoopConfig(
            steps=0, learning_rate=1e-3, weight_decay=1e-4, betas=(0.9, 0.98), ema_decay=0.998
        )
    )
    """How it is trained."""

    def __post_init__(self) -> None:
        check_fields(self)
