"""One episode's seen views in fast weights: a row of `down` says where, one of `up` what.

Holds: `Rows`. When all rows are taken, one of the two views that are most alike in pose makes
room, so what was seen of far-off places stays. Axes: R rows, O numbers in a frame's latents.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from twospeed.worldmodel.rendering.poses import relative

METRE, RADIAN = 4.0, 2.5
"""What a metre, and a radian, count when poses are compared: a step of 0.25 m or 22.5 degrees 1."""


@dataclass(frozen=True, eq=False, slots=True)
class Rows:
    """Views of fast weights that they share their memory with; changed in place."""

    down_R5: Tensor
    """1 where there is a view; x and y in metres, heading in radians; number of its chunk."""

    up_OR: Tensor
    """Latents."""

    @property
    def is_there_R(self) -> Tensor:
        """Which rows hold views, bool."""
        return self.down_R5[:, 0] > 0.5

    @property
    def poses_R3(self) -> Tensor:
        """Where the views were seen."""
        return self.down_R5[:, 1:4]

    @property
    def filled(self) -> "Rows":
        """The rows up to the last one that holds a view; one at least."""
        taken = self.is_there_R.nonzero()
        count = int(taken[-1]) + 1 if len(taken) else 1
        return Rows(self.down_R5[:count], self.up_OR[:, :count])

    def before(self, chunk: int) -> Tensor:
        """Return which rows hold views of chunks before this one, (R,), bool."""
        return self.is_there_R & (self.down_R5[:, 4] < chunk - 0.5)

    def put_(self, pose_3: Tensor, latents_O: Tensor, *, chunk: int, same: float) -> None:
        """Keep a view of a chunk; one from the same place, within `same` steps, goes."""
        row = self._row_for(pose_3, same)
        self.down_R5[row] = torch.cat([pose_3.new_ones(1), pose_3, pose_3.new_tensor([chunk])])
        self.up_OR[:, row] = latents_O

    def looks_like(self, latents_O: Tensor, pose_3: Tensor, *, tolerance: float) -> Tensor | None:
        """Return the pose of the view with these latents, the nearest to a pose where several have.

        Args:
            latents_O: of a frame.
            pose_3: where it may be.
            tolerance: mean squared difference up to which latents are the same.
        """
        rows = self.filled
        is_same_R = rows.is_there_R & (rows._errors(latents_O) <= tolerance)
        if not is_same_R.any():
            return None
        away_R = torch.where(is_same_R, rows._away(pose_3), torch.inf)
        return rows.poses_R3[away_R.argmin()].clone()

    def row_at(self, pose_3: Tensor, *, within: float) -> int | None:
        """Return the row of the view nearest to a pose, or None where it is not within some steps.

        Args:
            pose_3: where.
            within: a step is 0.25 m or 22.5 degrees.
        """
        away_R = torch.where(self.is_there_R, self._away(pose_3), torch.inf)
        row = int(away_R.argmin())
        return row if away_R[row] <= within else None

    def nearest_error(self, latents_O: Tensor) -> Tensor:
        """Return the mean squared difference to the view most alike, (); without any, to zeros."""
        rows = self.filled
        to_zeros = latents_O.square().mean()
        return torch.where(rows.is_there_R, rows._errors(latents_O), to_zeros).min()

    def _row_for(self, pose_3: Tensor, same: float) -> int:
        nearest = self.row_at(pose_3, within=same)
        if nearest is not None:
            return nearest
        if not self.is_there_R.all():
            return int((~self.is_there_R).int().argmax())
        return self._most_alike()

    def _most_alike(self) -> int:
        """Return the row whose view is nearest to another's."""
        steps_RR3 = relative(self.poses_R3[None], self.poses_R3[:, None])
        away_RR = _length(steps_RR3)
        away_RR.fill_diagonal_(torch.inf)
        return int(away_RR.min(1).values.argmin())

    def _errors(self, latents_O: Tensor) -> Tensor:
        """Return the mean squared difference of each row's latents, (R,)."""
        return (self.up_OR - latents_O[:, None]).square().mean(0)

    def _away(self, pose_3: Tensor) -> Tensor:
        return _length(relative(self.poses_R3, pose_3))


def _length(steps_3: Tensor) -> Tensor:
    length: Tensor = METRE * steps_3[..., :2].norm(dim=-1) + RADIAN * steps_3[..., 2].abs()
    return length
