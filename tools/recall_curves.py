"""Recall of views against writes and distance, and whether expected errors are the true ones.

Usage: python tools/recall_curves.py OUT [--episodes N] [--first-seed S] [--writes 8,32,128,500]

Writes OUT.json and OUT.png. In each episode of `rooms` a full turn is seen and then a walk; views
are drawn at true poses, counted from the first frame, so errors of path integration count. PSNR in
dB against the simulator's frames, beside the seen view nearest in pose; "expected" is what the
renderer says of its own error.

    writes     the first turn, half-way between its headings, after so many writes
    distance   all headings of the turn, so many metres beside where it was seen
    angle      so many degrees beside the only direction that was seen
"""

import argparse
import json
import math
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from torch import Tensor

from twospeed.core.files import write_json
from twospeed.memory.config import ViewConfig
from twospeed.memory.fast_weights import FastWeights
from twospeed.memory.views.reading import drawn_from
from twospeed.worldmodel.codec import decode_latents, to_frames
from twospeed.worldmodel.model import WorldModel
from twospeed.worldmodel.rendering.poses import relative
from twospeed.worlds.base import Pose
from twospeed.worlds.rooms.camera import Camera
from twospeed.worlds.rooms.raycast import Scene, render_frames
from twospeed.worlds.rooms.world import is_free, pose_array, walk
from twospeed.worlds.routes.rooms import roam

METRES = (0.0, 0.25, 0.5, 1.0, 1.5, 2.0)
DEGREES = (0.0, 5.625, 11.25, 22.5, 33.75, 45.0)
TURN = ("turn left",) * 4
BINS = np.arange(10.0, 36.0, 2.0)
CAMERA = Camera.of_size(64)

Rows = dict[str, dict[str, list[float]]]


class Seen:
    """One episode that a memory observes; frames are asked for at poses of the floor plan."""

    def __init__(self, model: WorldModel, seed: int, actions: int) -> None:
        self.model, self.scene = model, Scene.of_seed(seed)
        self.start, walked = roam(self.scene, np.random.default_rng([seed, 9]), max(actions, 1))
        self.actions = (*TURN, *walked)
        self.poses = pose_array(walk(self.scene, self.start, self.actions))
        self.memory = FastWeights(model, ViewConfig())
        self.done = 0

    def observe(self, chunks: int, actions: Sequence[str] | None = None) -> None:
        """Write up to so many chunks."""
        actions = actions or self.actions
        while self.done < chunks:
            first = 4 * self.done
            shown = render_frames(self.scene, self.poses[max(first - 3, 0) : first + 5], CAMERA)
            window = self.model.encode(shown[None])
            past = window.shape[2] - 4
            self.memory.observe(window, [actions[self.done]], past_frames=past)
            self.done += 1

    def ask(self, poses: np.ndarray, rows: Rows, key: str, cells: list[np.ndarray]) -> None:
        """Draw views at poses (N, 3) and note how good they are, and how good they claim to be."""
        views = self.memory.writer.rows(0)
        asked = relative(_radians(poses), _radians(self.poses[:1]))
        truth = render_frames(self.scene, poses.astype(np.float32), CAMERA)
        pixels, errors, _ = drawn_from(self.model, views, asked, ViewConfig().references)
        off = (to_frames(pixels).astype(float) - truth) ** 2
        nearest = [views.row_at(pose, within=math.inf) for pose in asked]
        latents = views.up_OR[:, nearest].mT.unflatten(1, (-1, 8, 8)).transpose(0, 1)[None]
        shown = decode_latents(self.model.autoencoder, latents)[0].astype(float)
        expected = errors.exp().clamp_max(4).numpy()
        for name, values in (
            ("drawn", off.mean((1, 2, 3)) / 127.5**2),
            ("nearest", ((shown - truth) ** 2).mean((1, 2, 3)) / 127.5**2),
            ("expected", expected.mean((1, 2))),
        ):
            rows[key].setdefault(name, []).extend(_decibels(values).tolist())
        cells.append(np.stack([_cells(expected), _cells(off.mean(-1) / 127.5**2)]))


def _radians(poses: np.ndarray) -> Tensor:
    turned = torch.from_numpy(np.array(poses, np.float32))
    turned[:, 2].deg2rad_()
    return turned


def _decibels(error: np.ndarray) -> np.ndarray:
    return 10 * np.log10(4 / np.maximum(error, 6e-5))


def _cells(error_NSS: np.ndarray) -> np.ndarray:
    count, side = error_NSS.shape[:2]
    return error_NSS.reshape(count, 8, side // 8, 8, side // 8).mean((2, 4)).ravel()


def _turned(pose: np.ndarray, by: float) -> np.ndarray:
    headings = pose[2] + by + 22.5 * np.arange(16)
    return np.stack([np.full(16, pose[0]), np.full(16, pose[1]), headings % 360], 1)


def _beside(seen: Seen, metres: float, seed: int) -> np.ndarray | None:
    x, y, heading = seen.poses[0]
    for angle in np.random.default_rng([seed, 10]).permutation(16) * math.tau / 16:
        there = x + metres * math.cos(angle), y + metres * math.sin(angle)
        if is_free(seen.scene, *there) and seen.scene.plan.room_at(x, y) == seen.scene.plan.room_at(
            *there
        ):
            return np.array([*there, heading])
    return None


def _writes(model: WorldModel, seeds: range, counts: list[int], cells: list[Any]) -> Rows:
    rows: Rows = defaultdict(dict)
    for seed in seeds:
        seen = Seen(model, seed, counts[-1] - len(TURN))
        for count in counts:
            seen.observe(count)
            seen.ask(_turned(seen.poses[0], 11.25), rows, str(count), cells)
            print(f"seed {seed}: {count} writes", flush=True)
    return rows


def _distances(model: WorldModel, seeds: range, cells: list[Any]) -> Rows:
    rows: Rows = defaultdict(dict)
    for seed in seeds:
        seen = Seen(model, seed, 1)
        seen.observe(len(TURN))
        for metres in METRES:
            pose = _beside(seen, metres, seed)
            if pose is not None:
                seen.ask(_turned(pose, 0.0), rows, f"{metres:g}", cells)
    return rows


def _angles(model: WorldModel, seeds: range, cells: list[Any]) -> Rows:
    """Walk ahead where there is room, and look so many degrees to either side at the end."""
    rows: Rows = defaultdict(dict)
    for seed in seeds:
        seen = Seen(model, seed, 1)
        for heading in range(0, 360, 90):
            start = Pose(
                x=seen.start.x, y=seen.start.y, heading=(seen.start.heading + heading) % 360
            )
            seen.poses = pose_array(walk(seen.scene, start, ("go forward",)))
            if np.linalg.norm(seen.poses[-1, :2] - seen.poses[0, :2]) > 0.9:
                seen.observe(1, ("go forward",))
                for degrees in DEGREES:
                    sides = np.array([[0, 0, degrees], [0, 0, -degrees]])
                    ways = seen.poses[-1] + sides
                    seen.ask(ways, rows, f"{degrees:g}", cells)
                break
    return rows


def _reliability(cells: list[np.ndarray]) -> list[dict[str, float]]:
    expected, true = np.concatenate(cells, 1)
    place = np.digitize(_decibels(expected), BINS)
    groups = ((place == it) for it in range(len(BINS) + 1))
    return [
        {
            "expected_db": float(_decibels(expected[it].mean())),
            "true_db": float(_decibels(true[it].mean())),
            "cells": int(it.sum()),
        }
        for it in groups
        if it.sum() >= 20
    ]


def _means(rows: Rows) -> dict[str, dict[str, float]]:
    return {
        key: {name: round(float(np.mean(values)), 3) for name, values in row.items()}
        for key, row in rows.items()
    }


def _plot(report: dict[str, Any], path: Path) -> None:
    figure = Figure(figsize=(11, 3.2), layout="constrained")
    labels = {
        "writes": "writes before", "distance": "metres beside", "angle": "degrees beside"
    }  # fmt: skip
    axes = figure.subplots(1, 4)
    for axis, (name, label) in zip(axes, labels.items(), strict=False):
        for kind in ("drawn", "expected", "nearest"):
            points = [(float(key), row[kind]) for key, row in report[name].items()]
            axis.plot(*zip(*points, strict=True), marker="o", markersize=3, label=kind)
        axis.set_xlabel(label)
        axis.set_ylabel("PSNR, dB")
        axis.legend(frameon=False, fontsize=8)
    axes[0].set_xscale("log")
    both = [(it["expected_db"], it["true_db"]) for it in report["reliability"]]
    axes[3].plot([10, 36], [10, 36], color="#999999", linewidth=1)
    axes[3].plot(*zip(*both, strict=True), marker="o", markersize=3)
    axes[3].set_xlabel("expected of a cell, dB")
    axes[3].set_ylabel("true, dB")
    FigureCanvasAgg(figure).print_png(path)


def _numbers(text: str) -> list[int]:
    return sorted(int(it) for it in text.split(","))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--episodes", type=int, default=4)
    parser.add_argument("--first-seed", type=int, default=700_600)
    parser.add_argument("--writes", type=_numbers, default=[8, 32, 128, 500])
    asked = parser.parse_args()
    model = WorldModel.from_pretrained("rooms-64")
    seeds = range(asked.first_seed, asked.first_seed + asked.episodes)
    cells: list[np.ndarray] = []
    report = {
        "command": f"python tools/recall_curves.py OUT --episodes {asked.episodes} --first-seed"
        f" {asked.first_seed} --writes {','.join(map(str, asked.writes))}",
        "distance": _means(_distances(model, seeds, cells)),
        "angle": _means(_angles(model, seeds, cells)),
        "writes": _means(_writes(model, seeds, asked.writes, cells)),
        "reliability": _reliability(cells),
    }
    write_json(asked.out.with_suffix(".json"), report)
    _plot(report, asked.out.with_suffix(".png"))
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
