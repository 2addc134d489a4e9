"""Fréchet distance between two sets of features: how far one cloud of pictures is from another.

Two normal distributions with the sets' means and covariances are compared (Dowson and Landau 1982,
as Heusel et al. 2017 use it): |m1 - m2|² + tr(C1 + C2 - 2 (C1 C2)^½). Few samples make it larger,
so a distance is read beside that of true frames from as many episodes.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from twospeed.core.errors import ShapeError

Features = NDArray[np.float64]
"""(N, K): N samples of K features."""


@dataclass(frozen=True, eq=False)
class Cloud:
    """Mean and covariance of a set of features."""

    mean_K: Features
    covariance_KK: Features

    @classmethod
    def of(cls, features_NK: Features) -> "Cloud":
        """Take them from samples.

        Raises:
            ShapeError: when there are fewer than two samples.
        """
        if features_NK.ndim != 2 or len(features_NK) < 2:
            raise ShapeError(f"features should be (N >= 2, K), got {features_NK.shape}")
        features = np.asarray(features_NK, np.float64)
        covariance = np.cov(features, rowvar=False).reshape(features.shape[1], -1)
        return cls(features.mean(0), covariance)

    @cached_property
    def root_KK(self) -> Features:
        """The symmetric root of the covariance."""
        values, vectors = np.linalg.eigh(self.covariance_KK)
        return np.asarray((vectors * np.sqrt(values.clip(0))) @ vectors.T)

    def distance(self, other: "Cloud") -> float:
        """Return the squared Fréchet distance, 0 or more; the same both ways.

        Raises:
            ShapeError: when the two have different features.
        """
        if self.mean_K.shape != other.mean_K.shape:
            raise ShapeError(
                f"two clouds should have the same features, got {len(self.mean_K)} and"
                f" {len(other.mean_K)}"
            )
        cross = np.linalg.eigvalsh(self.root_KK @ other.covariance_KK @ self.root_KK)
        shared = float(np.sqrt(cross.clip(0)).sum())
        apart = float(np.square(self.mean_K - other.mean_K).sum())
        spread = float(np.trace(self.covariance_KK) + np.trace(other.covariance_KK))
        return max(0.0, apart + spread - 2 * shared)
