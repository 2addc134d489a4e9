"""The card of a hand reader: what it learned from, how, for how long, and what was measured."""

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import torch


def hand_card(report: Mapping[str, Any]) -> str:
    """Return the text of a reader's README.md.

    Args:
        report: what `train_hand` returns.
    """
    held, config = report["held_out"], report["config"]
    data = "\n".join(
        f"- **Data**: {it['num_episodes']} episodes of {it['origin']}, seeds {it['first_seed']} to"
        f" {it['last_seed']}."
        for it in report["data"]
    )
    axes = ", ".join(f"{1000 * it:.1f}" for it in held["error_m_by_axis"])
    begun = f"the weights {report['began_from']}" if report["began_from"] else "untrained weights"
    return f"""# A hand reader of {report["world"]}

Reads from one frame of 64 x 64 pixels where the hand is, and whether it is closed. Only
differences of places within an episode mean something, in steps of 2.5 cm.

{data}
- **Training**: from {begun}, on the commands of {report["episodes"]} of these episodes alone;
  {report["steps"]} steps of {config["batch_size"]} episodes, four frames of each; seed
  {config["loop"]["seed"]}; {report["minutes"]:.1f} minutes on {report["device"]}:
  `twospeed train hand`.
- **Software**: twospeed {version("twospeed")}, torch {torch.__version__.split("+")[0]}.

| held out: {held["episodes"]} episodes, {held["frames"]} frames | value |
|---|---|
| error of the place against {held["against"]}, median | {1000 * held["error_m"]:.1f} mm |
| to the right, nearer, up | {axes} mm |
| 90 % are below | {1000 * held["error_m_90"]:.1f} mm |
| closed or open, right | {held["closed_accuracy"]:.1%} |
"""
