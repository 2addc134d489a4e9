"""Duckietown's side of the talk: for the Python that has the simulator, and engine_host.py there.

It imports nothing of this package, and nothing here imports it.

    {"do": "reset", "seed", "town", "sky", "ground"} -> also "lanes"
    {"do": "step", "ticks", "speed", "turn"}
"""

import random
from typing import Any

import numpy as np

TICK = 1 / 30
_CURVE_POINTS = 12


class Town:
    """The simulator with one car, whose wheels follow a wanted speed as fast as they can."""

    def __init__(self, size: int) -> None:
        from duckietown_world import get_DB18_nominal
        from gym_duckietown import __version__, simulator

        self.version = str(__version__)
        self._code = simulator
        self._size = size
        self._finer = 4 if size % 2 else 2  # its reading of pixels needs a width of fours
        side = self._finer * size
        self._sim = simulator.Simulator(
            map_name="loop_empty",
            domain_rand=False,
            frame_rate=1 / TICK,
            camera_width=side,
            camera_height=side,
            seed=0,
        )
        self._wheels = get_DB18_nominal(delay=0.0)

    def reset(self, seed: int, town: str, sky: list[float], ground: list[float]) -> dict[str, Any]:
        """Lay out a town and put the car on a lane of it."""
        sim = self._sim
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002  # what the simulator itself draws from
        sim.seed(seed)
        sim.color_sky, sim.color_ground = sky, ground
        sim._load_map(town)
        sim.shadow_window.switch_to()
        self._code.gl.glMatrixMode(self._code.gl.GL_MODELVIEW)
        self._code.gl.glLoadIdentity()  # or the light would stand where the last view has left it
        sim.reset()
        self._stop_at(sim.cur_pos, sim.cur_angle)
        return {"lanes": self._lanes()}

    def step(self, ticks: int, speed: float, turn: float) -> dict[str, Any]:
        """Drive with a wanted speed in metres a second and a wanted turn in radians a second."""
        sim = self._sim
        for _ in range(ticks):
            before = sim.cur_pos, sim.cur_angle
            sim.update_physics(self._wheels_for(speed, turn))
            if self._is_blocked():
                self._stop_at(*before)
        return {}

    def truth(self) -> dict[str, Any]:
        """Return what is so: metres from the lower left of the map, y up; radians to the left."""
        sim = self._sim
        speed, turn = self._velocity()
        try:
            lane = sim.get_lane_pos2(sim.cur_pos, sim.cur_angle)
        except self._code.NotInLane:
            lane = None
        return {
            "pose": [*self._flat(sim.cur_pos), float(sim.cur_angle)],
            "speed": speed,
            "turn": turn,
            "lane": lane and [float(lane.dist), float(lane.angle_rad)],
            "objects": [[it.kind, *self._flat(it.pos)] for it in sim.objects if it.visible],
        }

    def frame(self) -> bytes:
        """Draw what the car sees, finer and then averaged: size x size x 3 bytes."""
        shape = (self._size, self._finer, self._size, self._finer, 3)
        pixels = self._sim.render_obs().reshape(shape).mean(axis=(1, 3))
        return bytes(np.round(pixels).astype(np.uint8))

    def _lanes(self) -> list[list[list[float]]]:
        """Return every lane of every piece of road as points (x, y), in driving direction."""
        times = np.linspace(0, 1, _CURVE_POINTS)
        curves = [curve for tile in self._sim.drivable_tiles for curve in tile["curves"]]
        points = [[self._code.bezier_point(curve, it) for it in times] for curve in curves]
        return [[self._flat(point) for point in lane] for lane in points]

    def _flat(self, place: Any) -> list[float]:
        height = self._sim.grid_height * self._sim.road_tile_size
        return [round(float(place[0]), 6), round(float(height - place[2]), 6)]

    def _velocity(self) -> tuple[float, float]:
        linear, turn = self._code.geometry.linear_angular_from_se2(self._sim.state.v0)
        return float(linear[0]), float(turn)

    def _wheels_for(self, speed: float, turn: float) -> Any:
        """Invert the model of the wheels: what brings the wanted velocity within one tick."""
        model = self._wheels
        speed_now, turn_now = self._velocity()
        both = ((speed - speed_now) / TICK + model.u1 * speed_now) / model.u_alpha_r
        apart = ((turn - turn_now) / TICK + model.w1 * turn_now) / model.w_alpha_r
        return np.clip([(both - apart) / 2, (both + apart) / 2], -1, 1)

    def _is_blocked(self) -> bool:
        """Say whether the car is in an object or has left the map."""
        sim = self._sim
        if sim._get_tile(*sim.get_grid_coords(sim.cur_pos)) is None:
            return True
        return bool(sim._collision(self._code.get_agent_corners(sim.cur_pos, sim.cur_angle)))

    def _stop_at(self, place: Any, angle: float) -> None:
        sim, geometry = self._sim, self._code.geometry
        still = geometry.se2_from_linear_angular(np.array([0.0, 0.0]), 0.0)
        pose = sim.cartesian_from_weird(place, angle)
        sim.cur_pos, sim.cur_angle = place, angle
        sim.state = self._wheels.initialize(c0=(pose, still), t0=0)


def start(size: str) -> Town:
    """Start the simulator with frames of so many pixels."""
    return Town(int(size))
