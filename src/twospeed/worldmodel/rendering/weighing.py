"""How seen views are weighed against each other along the rays of whole columns.

What `ViewRenderer.forward` does with every sample is done here with those alone that are in a
view, column by column. Axes: L columns of new views, R rows, D depths, E entries (columns of new
views in seen ones), P spots (columns at depths that some view sees), K seen views, F features.
"""

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from twospeed.worldmodel.rendering.columns import Entries, Stack, summed
from twospeed.worldmodel.rendering.sweep import EXTRA, NEVER, SeenViews, stops


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Layers:
    """Those of a renderer that weigh samples; see `ViewRenderer`."""

    sample: nn.Sequential
    point: nn.Sequential
    unsure: nn.Sequential
    depth_D: Tensor


class Weighing:
    """Weighs the samples of columns.

    Args:
        layers: of a renderer.
        views: what was seen.
    """

    def __init__(self, layers: Layers, views: SeenViews) -> None:
        self._layers = layers
        self._pixels = Stack(views.pixels)
        self._far_N = views.steps_BK3[..., :2].norm(dim=-1).flatten()
        self._seen = views.is_there_BK.shape[1]
        enter, self._leave = (cast(nn.Linear, layers.sample[place]) for place in (0, 2))
        self._bias_F1 = enter.bias[:, None]
        told, colour, compared = enter.weight.split([enter.in_features - EXTRA, 3, EXTRA - 3], 1)
        told_in_BKFHW = torch.einsum("fc,bkchw->bkfhw", told, views.told[:, :, :-2])
        self._told = Stack(torch.cat([told_in_BKFHW, views.told[:, :, -2:]], 2))
        self._point_in = torch.cat([colour, compared[:, 2:4]], 1)
        self._column_in = compared[:, [0, 1, 4, 5]]

    def __call__(self, entries: Entries, first: int, columns: int) -> tuple[Tensor, Tensor]:
        """Return log errors of rays (L, R), and weights of their samples (E, R).

        Args:
            entries: of these columns.
            first: number of the first column.
            columns: L.
        """
        layers, depths = self._layers, len(self._layers.depth_D)
        colour_3ER = self._pixels(entries)
        told_ERF = self._samples(entries, colour_3ER)
        place_E = (entries.column_E - first) * depths + entries.depth_E
        place_P, spot_E = place_E.unique_consecutive(return_inverse=True)
        share_ER, seen = self._shares(entries, spot_E, len(place_P), told_ERF)
        mixed_PRF = _mixed(told_ERF[..., :-2], colour_3ER, share_ER, spot_E, len(place_P))
        point_PRF = layers.point(torch.cat([mixed_PRF, *seen], -1))
        is_blank_PR = seen[0][..., 0] == 0
        solid_PR = (point_PRF[..., 0] + seen[1][..., 0]).masked_fill(is_blank_PR, NEVER)
        stop_PR, sums_LR3 = self._stopped(place_P, solid_PR, columns)
        ray_PRF = point_PRF[..., 1:] * stop_PR[..., None]
        ray = summed(ray_PRF.flatten(1), place_P // depths, columns)
        ray_LRF = torch.cat([ray.unflatten(1, (stop_PR.shape[1], -1)), sums_LR3], -1)
        error_LR: Tensor = layers.unsure(ray_LRF)[..., 0]
        return error_LR, share_ER * stop_PR[spot_E]

    def _samples(self, entries: Entries, colour_3ER: Tensor) -> Tensor:
        """Return what the first network says of every sample, (E, R, F + 2)."""
        told_FER, rows = self._told(entries), entries.down_ER.shape[1]
        log_ahead_E = entries.ahead_E.log()
        log_depth_E = self._layers.depth_D.log()[entries.depth_E]
        beyond_ER = (log_ahead_E[:, None] - told_FER[-2]) * told_FER[-1].clamp(-2, 4).exp()
        alike_ER = (-0.5 * beyond_ER.square()).exp()
        point_5X = torch.cat([colour_3ER, beyond_ER.tanh()[None], alike_ER[None]]).flatten(1)
        far_E, nearer_E = self._far_N[entries.view_E], (log_ahead_E - log_depth_E).tanh()
        column_4E = torch.stack([log_ahead_E, log_depth_E, far_E, nearer_E])
        column_FE = torch.addmm(self._bias_F1, self._column_in, column_4E)
        hidden_FX = told_FER[:-2].flatten(1).addmm_(self._point_in, point_5X)
        hidden_FX.unflatten(1, (-1, rows)).add_(column_FE[..., None])
        functional.silu(hidden_FX, inplace=True)
        told_ERF: Tensor = self._leave(hidden_FX.mT).unflatten(0, (-1, rows))
        return told_ERF

    def _shares(
        self, entries: Entries, spot_E: Tensor, spots: int, told_ERF: Tensor
    ) -> tuple[Tensor, list[Tensor]]:
        """Return each sample's share among the views of its spot, (E, R), and of every spot more.

        That is how many views see it, in fours, and how sure the surest is, (P, R, 1) each.
        """
        is_seen_ER = entries.down_ER.abs() < 1
        place = spot_E, entries.view_E % self._seen
        both_ER2 = told_ERF[..., -2:].masked_fill(~is_seen_ER[..., None], NEVER)
        both = told_ERF.new_full((spots, self._seen, told_ERF.shape[1], 2), NEVER)
        both[place] = both_ER2
        share_ER = both[..., 0].softmax(1)[place] * is_seen_ER
        best_PR = both[..., 1].amax(1).clamp_min(-20)
        many_PR = summed(is_seen_ER.to(share_ER), spot_E, spots) / 4
        return share_ER, [many_PR[..., None], best_PR[..., None]]

    def _stopped(self, place_P: Tensor, solid_PR: Tensor, columns: int) -> tuple[Tensor, Tensor]:
        """Return the shares of rays that end at spots (P, R); total, mean and spread (L, R, 3)."""
        inverse_D = 1 / self._layers.depth_D
        density = solid_PR.new_zeros(columns * len(inverse_D), solid_PR.shape[1])
        density[place_P] = functional.softplus(solid_PR)
        stop_LRD, total_LR1 = stops(density.unflatten(0, (columns, -1)).mT)
        mean_LR1 = (stop_LRD * inverse_D).sum(-1, keepdim=True)
        off_LR1 = (stop_LRD * (inverse_D - mean_LR1).square()).sum(-1, keepdim=True)
        sums_LR3 = torch.cat([total_LR1, mean_LR1, off_LR1.clamp_min(1e-6).sqrt()], -1)
        return stop_LRD.mT.flatten(0, 1)[place_P], sums_LR3


def _mixed(
    told_ERF: Tensor, colour_3ER: Tensor, share_ER: Tensor, spot_E: Tensor, spots: int
) -> Tensor:
    """Return features of every spot, and how far the views' colours lie apart, (P, R, F + 3)."""
    features, colour_ER3 = told_ERF.shape[2], colour_3ER.permute(1, 2, 0)
    entry = told_ERF.new_empty(*share_ER.shape, features + 6)
    torch.mul(told_ERF, share_ER[..., None], out=entry[..., :features])
    torch.mul(colour_ER3, share_ER[..., None], out=entry[..., features:-3])
    torch.mul(colour_ER3, entry[..., features:-3], out=entry[..., -3:])
    mixed = summed(entry.flatten(1), spot_E, spots).unflatten(1, (share_ER.shape[1], -1))
    mean, square = mixed[..., features:-3], mixed[..., -3:]
    spread = (square - mean.square()).clamp_min(1e-6).sqrt()
    return torch.cat([mixed[..., :features], spread], -1)
