"""How well a hand reader reads held-out episodes: metres within an episode, closed or open."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twospeed.planning.hand.clips import HandClip
from twospeed.planning.hand.reader import HandReader
from twospeed.worlds.simulators.fetch import STEP_METRES


def measure_hand(reader: HandReader, clips: Sequence[HandClip]) -> dict[str, Any]:
    """Return the errors of held-out episodes as JSON values.

    A place has no origin of its own, so readings of an episode are moved by the median of what
    they are off; the error is the distance that is left. It is measured against the simulator's
    truth where that is known, else against the commands.

    Args:
        reader: what reads.
        clips: held-out episodes.
    """
    errors, right = list[NDArray[np.float64]](), list[NDArray[np.bool_]]()
    for clip in clips:
        places_T3, odds_T = reader.read_all(clip.frames)
        errors.append(_left(places_T3 - (clip.places_T3 if clip.true_T3 is None else clip.true_T3)))
        right.append((odds_T > 0) == clip.closed_T)
    errors_N3 = STEP_METRES * np.concatenate(errors)
    away_N = np.linalg.norm(errors_N3, axis=1)
    return {
        "episodes": len(clips),
        "frames": len(away_N),
        "error_m": round(float(np.median(away_N)), 5),
        "error_m_90": round(float(np.quantile(away_N, 0.9)), 5),
        "error_m_by_axis": [round(float(it), 5) for it in np.median(np.abs(errors_N3), 0)],
        "closed_accuracy": round(float(np.mean(np.concatenate(right))), 4),
        "against": "truth" if all(clip.true_T3 is not None for clip in clips) else "commands",
        "parameters": sum(part.numel() for part in reader.network.parameters()),
    }


def _left(away_T3: NDArray[np.float64]) -> NDArray[np.float64]:
    return away_T3 - np.median(away_T3, axis=0)
