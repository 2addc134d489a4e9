"""Memory Maze's side of the talk: for the Python that has the simulator, and engine_host.py there.

It imports nothing of this package, and nothing here imports it.

    {"do": "reset", "seed"} -> also "walls", "cell", "targets"
    {"do": "step", "ahead", "left"}
"""

import math
import os
import types
from importlib.metadata import version
from typing import Any

import numpy as np

_SHADOW_MAP = 64  # pixels: no lamp of the maze casts a shadow
_COLOURS = ("red", "green", "blue")  # of memory_maze.maze.TARGET_COLORS


class Maze:
    """The 9 x 9 maze with a rolling ball that carries a camera.

    The maze of a seed is what the package makes of that seed, with its own ball, lamps and times.
    """

    def __init__(self, size: int) -> None:
        from dm_control import composer
        from memory_maze import tasks

        class Late(composer.Environment):  # type: ignore[misc]
            """Compiles once an episode, with those textures alone that it shows."""

            is_made = False

            def _recompile_physics_and_update_observables(self) -> None:
                if self.is_made:
                    _lighten(self.task.root_entity.mjcf_model, size)
                    super()._recompile_physics_and_update_observables()
                self.is_made = True

        self.version = version("memory-maze")
        tasks.composer = types.SimpleNamespace(Environment=Late)
        self._make, self._size = tasks.memory_maze_9x9, size
        self._maze: Any = None

    def reset(self, seed: int) -> dict[str, Any]:
        """Build the maze of a seed and put the ball into it."""
        if self._maze:
            self._maze.close()
        self._maze = self._make(
            seed=seed,
            camera_resolution=self._size,
            target_color_in_image=False,
            discrete_actions=False,
        ).env
        self._maze.reset()
        arena, targets = self._maze.task._maze_arena, self._maze.task._targets
        for target in targets:  # one that is touched from the start would not be drawn
            target.reset(self._maze.physics)
        layout = np.array(arena.maze.entity_layer)
        self._middle = np.array(layout.shape[::-1]) * arena.xy_scale / 2
        places = [self._flat(self._maze.physics.bind(it.geom).xpos) for it in targets]
        return {
            "walls": [[it not in " PG" for it in row] for row in layout.tolist()],
            "cell": float(arena.xy_scale),
            "targets": dict(zip(_COLOURS, places, strict=True)),
        }

    def step(self, ahead: float, left: float) -> dict[str, Any]:
        """Roll and turn for a quarter of a second, each from -1 to 1 of the ball's strength."""
        physics = self._maze.physics
        physics.data.ctrl[:] = -ahead, -left
        physics.step(self._maze.task.physics_steps_per_control_step)
        return {}

    def truth(self) -> dict[str, Any]:
        """Return where the camera is: metres from the lower left of the map, degrees."""
        camera = self._maze.physics.bind(self._camera())
        x, y, _ = -np.reshape(camera.xmat, (3, 3))[:, 2]  # a camera looks along its -z
        return {"pose": [*self._flat(camera.xpos), math.degrees(math.atan2(y, x))]}

    def frame(self) -> bytes:
        """Draw what the camera sees: size x size x 3 bytes."""
        name = self._camera().full_identifier
        return self._maze.physics.render(self._size, self._size, camera_id=name).tobytes()  # type: ignore[no-any-return]

    def _camera(self) -> Any:
        return self._maze.task._walker.mjcf_model.find("camera", "egocentric")

    def _flat(self, place: Any) -> list[float]:
        return [round(float(it), 6) for it in np.asarray(place)[:2] + self._middle]


def _lighten(model: Any, size: int) -> None:
    """Take the pictures off that no wall of this maze shows, and make the buffers small."""
    shown = {it.texture for it in model.find_all("material") if it.texture is not None}
    for texture in model.find_all("texture"):
        if texture.type != "skybox" and texture not in shown:
            texture.remove()
    model.visual.quality.shadowsize = _SHADOW_MAP
    screen = getattr(model.visual, "global")
    screen.offwidth = screen.offheight = size


def start(size: str) -> Maze:
    """Start the simulator with frames of so many pixels."""
    os.environ.setdefault("MUJOCO_GL", "egl")
    os.environ.setdefault("LP_NUM_THREADS", "0")  # of a renderer in software: threads cost more
    return Maze(int(size))
