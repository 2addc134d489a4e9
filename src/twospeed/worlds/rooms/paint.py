"""Which colour every pixel has: walls, floors, ceilings and landmarks as entries of one palette.

Holds: `Paint`, what is prepared once a scene, and `Canvas` with the functions that paint on it.
Holds not: where rays meet walls (raycast.py). Axes: F frames, H and W pixels, L landmarks. A pixel
is an entry of the palette times a shade; the colours are looked up once, at the end.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from twospeed.worlds.rooms.camera import FOG, Camera, fog
from twospeed.worlds.rooms.floorplan import FloorPlan
from twospeed.worlds.rooms.looks import COLOURS, LEVELS, SHAPES, TEXELS, Landmark, Looks
from twospeed.worlds.rooms.rays import Hits

Array = NDArray[np.float32]
Entries = NDArray[np.int32]

LANDMARK_SIZE = 0.9
"""Metres, across and up."""

SPRITE = 24
"""Side of a landmark's mask in texels."""

_NEAREST = 0.25  # metres; what is nearer is not drawn


@dataclass(frozen=True, kw_only=True, eq=False)
class Paint:
    """One scene's colours and tables."""

    palette: Array
    """(3, N), red, green, blue, 0 to 255: wall texels, floors, ceilings, landmark colours."""

    floor_of_x: Entries
    """Half-metre cell along x -> part of the palette entry of the floor."""

    floor_of_y: Entries
    """Half-metre cell along y -> the other part; their sum is the entry."""

    num_rooms: int
    """A room's ceiling stands so many entries after its floor."""

    places: Sequence[tuple[float, float]]
    """Where the landmarks stand, in metres."""

    first_landmark: int
    """The palette entry of the first landmark; the others follow."""

    masks: Sequence[NDArray[np.bool_]]
    """(SPRITE, SPRITE) for each landmark, first row on top."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Canvas:
    """Frames in the making, each array (F, H, W)."""

    entries: Entries
    """Entry of the palette."""

    shades: Array
    """Brightness, 0 to 1."""


def prepare(plan: FloorPlan, looks: Looks, landmarks: Sequence[Landmark]) -> Paint:
    """Make the tables of a scene."""
    walls = looks.wall_textures.reshape(3, -1)
    kinds = [divmod(mark.identity, len(COLOURS)) for mark in landmarks]
    colours = np.array(list(COLOURS.values()), np.float32)[[colour for _, colour in kinds]]
    palette = (walls, looks.floors.T, looks.ceilings.T, colours.T)
    column, row = (_span_of_cell(edges) for edges in (plan.x_edges, plan.y_edges))
    return Paint(
        palette=np.concatenate(palette, axis=1) * np.float32(255),
        floor_of_x=walls.shape[1] + column,
        floor_of_y=row * plan.columns,
        num_rooms=plan.num_rooms,
        places=[(mark.x, mark.y) for mark in landmarks],
        first_landmark=walls.shape[1] + 2 * plan.num_rooms,
        masks=[MASKS[SHAPES[shape]] for shape, _ in kinds],
    )


def blank_canvas(frames: int, size: int) -> Canvas:
    """Return a canvas whose every pixel is still to be painted."""
    shape = (frames, size, size)
    return Canvas(entries=np.empty(shape, np.int32), shades=np.empty(shape, np.float32))


def look_up_colours_(frames_FHW3: NDArray[np.uint8], canvas: Canvas, paint: Paint) -> None:
    """Fill the frames with the colours of the canvas."""
    entries = canvas.entries.astype(np.intp)
    for channel, colours_N in enumerate(paint.palette):
        colours = colours_N.take(entries, mode="clip")  # twice as fast as with a check
        colours *= canvas.shades
        colours += np.float32(0.5)
        frames_FHW3[..., channel] = colours


def shown_landmarks(canvas: Canvas, paint: Paint) -> NDArray[np.int8]:
    """Return the index of the landmark that a pixel shows, or -1: (F, H, W)."""
    return np.maximum(canvas.entries - paint.first_landmark, -1).astype(np.int8)


def paint_floor_and_ceiling_(
    canvas: Canvas, paint: Paint, camera: Camera, places_F2: Array, rays_F2W: Array
) -> None:
    """Paint floor tiles and ceilings as if there were no walls."""
    half, odd = divmod(camera.size, 2)
    light, dark = camera.tiles
    points = (2 * camera.floor_depth) * rays_F2W[:, :, None]  # in tiles of half a metre
    points += 2 * places_F2[..., None, None]
    cells = np.floor(points, out=points).astype(np.int32)
    x, y = cells[:, 0], cells[:, 1]
    floor = paint.floor_of_x.take(x, mode="clip") + paint.floor_of_y.take(y, mode="clip")
    is_dark = ((x + y) & 1).astype(np.bool_)
    canvas.entries[:, half:] = floor
    canvas.shades[:, half:] = np.where(is_dark, dark, light)
    canvas.entries[:, :half] = (floor[:, odd:] + paint.num_rooms)[:, ::-1]
    canvas.shades[:, :half] = camera.fade[odd:][::-1]


def paint_walls_(canvas: Canvas, camera: Camera, hits: Hits) -> None:
    """Paint the walls over floors and ceilings."""
    below_FHW = camera.slopes[:, None] * hits.depth[:, None]
    is_wall = np.abs(below_FHW) <= 1
    up = (np.float32(TEXELS / 2) * (1 - below_FHW)).astype(np.int32)
    np.minimum(up, TEXELS - 1, out=up)
    along = (hits.along * np.float32(TEXELS / 2)).astype(np.int32) % TEXELS
    level = (hits.depth > 2.5).astype(np.int32) + (hits.depth > 5)
    up += (((hits.face * LEVELS + level) * TEXELS + along) * TEXELS)[:, None]
    shade = np.where(hits.axis == 0, np.float32(1.0), np.float32(0.82)) * fog(hits.depth)
    np.copyto(canvas.entries, up, where=is_wall)
    np.copyto(canvas.shades, shade[:, None], where=is_wall)


def paint_landmarks_(
    canvas: Canvas,
    paint: Paint,
    camera: Camera,
    places_F2: Array,
    forward_F2: Array,
    depth_FW: Array,
) -> None:
    """Paint the landmarks that are in front of the camera and of the walls, the farthest first."""
    views = zip(places_F2.tolist(), forward_F2.tolist(), depth_FW, strict=True)
    for frame, ((x, y), (east, north), depth_W) in enumerate(views):
        sights = (
            ((at_x - x) * east + (at_y - y) * north, (at_x - x) * north - (at_y - y) * east, mark)
            for mark, (at_x, at_y) in enumerate(paint.places)
        )
        for ahead, aside, mark in sorted(sights, reverse=True):
            if ahead > _NEAREST:
                _paint_landmark_(canvas, paint, camera, frame, (ahead, aside, mark), depth_W)


def _paint_landmark_(
    canvas: Canvas,
    paint: Paint,
    camera: Camera,
    frame: int,
    sight: tuple[float, float, int],
    depth_W: Array,
) -> None:
    """Paint one landmark; `sight`: metres ahead, metres to the right of the axis, its index."""
    ahead, aside, mark = sight
    left = aside - LANDMARK_SIZE / 2
    columns = _span(camera, left / ahead, (left + LANDMARK_SIZE) / ahead)
    is_nearer = depth_W[columns] > ahead
    if columns.start == columns.stop or not is_nearer.any():
        return
    rows = _span(camera, (1 - LANDMARK_SIZE) / ahead, 1 / ahead)
    u = _texels(camera.slopes[columns] * np.float32(ahead) - np.float32(left))
    v = _texels(camera.slopes[rows] * np.float32(ahead) - np.float32(1 - LANDMARK_SIZE))
    texel = v[:, None] * SPRITE + u
    is_inside = paint.masks[mark].take(texel) & is_nearer
    place = (frame, rows, columns)
    shade = _LIGHT.take(texel) * np.float32(1 / (1 + FOG * ahead))
    np.copyto(canvas.entries[place], np.int32(paint.first_landmark + mark), where=is_inside)
    np.copyto(canvas.shades[place], shade, where=is_inside)


def _span(camera: Camera, low: float, high: float) -> slice:
    """Return the pixels whose slope is at least `low` and below `high`."""
    return slice(bisect_left(camera.slope_list, low), bisect_left(camera.slope_list, high))


def _texels(metres: Array) -> Entries:
    """Return the texel of places on a landmark, counted from its left or upper edge."""
    return np.minimum((metres * np.float32(SPRITE / LANDMARK_SIZE)).astype(np.int32), SPRITE - 1)


def _span_of_cell(edges: Sequence[int]) -> Entries:
    """Return the number of the room, counted along one axis, of every half-metre cell."""
    return np.repeat(np.arange(len(edges) - 1, dtype=np.int32), 2 * np.diff(edges))


_DOWN, _ACROSS = np.mgrid[-1 : 1 : SPRITE * 1j, -1 : 1 : SPRITE * 1j].astype(np.float32)
_RADIUS = np.hypot(_ACROSS, _DOWN)
_LIGHT: Array = 1 - 0.25 * (_ACROSS + _DOWN + 1).clip(0, 1)
_SMALLER, _LARGER = (take(abs(_ACROSS), abs(_DOWN)) for take in (np.minimum, np.maximum))

MASKS: dict[str, NDArray[np.bool_]] = {
    "ball": _RADIUS < 0.98,
    "block": _LARGER < 0.85,
    "cone": abs(_ACROSS) < (_DOWN + 1) / 2,
    "cross": (_SMALLER < 0.32) & (_LARGER < 0.98),
    "ring": (_RADIUS < 0.98) & (_RADIUS > 0.5),
    "hourglass": abs(_ACROSS) < 0.12 + 0.85 * abs(_DOWN),
}
"""Which texels a shape covers: (SPRITE, SPRITE), first row on top."""
