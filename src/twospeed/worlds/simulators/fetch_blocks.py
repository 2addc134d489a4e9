"""The blocks of `fetch`: their colours, and a second one put into the engine's scene."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

BODIES = ("object0", "object1")
"""The engine's names of the blocks."""

COLOURS: dict[str, tuple[float, float, float]] = {
    "red": (0.9, 0.1, 0.1),
    "green": (0.1, 0.7, 0.2),
    "blue": (0.15, 0.3, 0.9),
    "yellow": (0.9, 0.8, 0.1),
}
"""Of blocks: name -> red, green, blue, 0 to 1."""

_REACH = 0.15  # metres to each side of the gripper: where the engine puts its own block
_APART = 0.13  # metres between the blocks, and between block and gripper, at least
_TRIES = 1000


def make_env(robots: Any, mujoco: Any, *, blocks: int) -> Any:
    """Return the engine's task with one block, or with a second one like it.

    Args:
        robots: the module gymnasium_robotics.envs.fetch.pick_and_place.
        mujoco: that module.
        blocks: 1 or 2.
    """
    kind = robots.MujocoFetchPickAndPlaceEnv
    return (kind if blocks == 1 else _with_second(kind, mujoco))(reward_type="sparse")


def _with_second(kind: Any, mujoco: Any) -> Any:
    class TwoBlocks(kind):  # type: ignore[misc]
        fullpath: str

        def _initialize_simulation(self) -> None:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "two_blocks.xml"
                path.write_text(_scene(mujoco, self.fullpath), encoding="utf-8")
                self.fullpath = str(path)
                super()._initialize_simulation()

    return TwoBlocks


def _scene(mujoco: Any, fullpath: Any) -> str:
    """Return the engine's scene with another body like its block, as XML."""
    path = Path(fullpath)
    spec = mujoco.MjSpec.from_file(str(path))
    spec.meshdir = str((path.parent / spec.meshdir).resolve())
    spec.texturedir = str((path.parent / spec.texturedir).resolve())
    first, name = spec.body(BODIES[0]), BODIES[1]
    body, like = spec.worldbody.add_body(name=name, pos=first.pos), first.geoms[0]
    body.add_freejoint(name=f"{name}:joint")
    alike = {field: getattr(like, field) for field in ("type", "size", "condim", "material")}
    body.add_geom(name=name, mass=like.mass, **alike)
    body.add_site(name=name, rgba=(0, 0, 0, 0))
    spec.compile()
    xml: str = spec.to_xml()
    return xml


def second_place(
    gripper_3: NDArray[np.float64], block_3: NDArray[np.float64], generator: np.random.Generator
) -> NDArray[np.float64]:
    """Return where the second block lies, (3,) metres: in reach, apart from the first and the hand.

    Args:
        gripper_3: where the gripper begins.
        block_3: where the first block lies.
        generator: draws the place.
    """
    for _ in range(_TRIES):
        place = gripper_3[:2] + generator.uniform(-_REACH, _REACH, 2)
        near = min(np.linalg.norm(place - other[:2]) for other in (gripper_3, block_3))
        if near > _APART:
            break
    return np.array([*place, block_3[2]], np.float64)
