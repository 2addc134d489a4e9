"""What a reader of scores should know before believing them."""

from collections.abc import Mapping
from typing import Any

from twospeed.evaluation.protocols.unseen import ENOUGH
from twospeed.evaluation.yardstick.outside import I3D_FRAMES

_LESS_IS_MORE = {"scene_cuts": -1, "src": 1, "src_twospeed": 1}


def warnings_of(
    metrics: Mapping[str, Any],
    controls: Mapping[str, Mapping[str, Any]],
    shapes: Mapping[str, list[int]],
) -> list[str]:
    """Return one line about each thing that makes a score mean less than it seems.

    Args:
        metrics: of the clips that are judged.
        controls: control -> its metrics.
        shapes: clip -> (T, H, W, 3).
    """
    lines = []
    if len(shapes) < ENOUGH:
        lines.append(
            f"{len(shapes)} clips are few for distances of sets (frechet, kernel, fvd): below"
            f" {ENOUGH} they say more of the draw"
        )
    short = [name for name, shape in shapes.items() if shape[0] < I3D_FRAMES]
    if short:
        lines.append(
            f"{len(short)} of {len(shapes)} clips have fewer than {I3D_FRAMES} frames, such as"
            f" {short[0]}: fvd_i3d cannot be computed, and cuts and drift mean little"
        )
    frozen = controls.get("frozen", {})
    return lines + [
        f"a frozen frame is as good in {name} ({_mean(frozen, name):.3g}) as these clips"
        f" ({_mean(metrics, name):.3g}): read it beside motion"
        for name, sign in _LESS_IS_MORE.items()
        if _both_have(name, metrics, frozen)
        and sign * (_mean(frozen, name) - _mean(metrics, name)) >= 0
    ]


def _both_have(name: str, *tables: Mapping[str, Any]) -> bool:
    return all(table.get(name, {}).get("mean") is not None for table in tables)


def _mean(table: Mapping[str, Any], name: str) -> float:
    return float(table[name]["mean"])
