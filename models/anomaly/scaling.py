"""Columns of different units on one scale: how many ordinary variations from the usual."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from models.anomaly.base import Floats, carry_forward

# MAD times this is the standard deviation of normal data.
MAD_TO_SIGMA = 1.4826
# Further out than this says no more: one broken sample must not hide every other.
FARTHEST = 50.0
# A column that hardly moves still has a resolution: this share of its level.
RESOLUTION = 0.01


@dataclass(frozen=True, eq=False)
class Scaler:
    """``centre`` and ``scale`` of each column, shape (columns,); scale is above zero."""

    centre: Floats
    scale: Floats

    def apply(self, table: Floats) -> Floats:
        """Ordinary variations from the usual, (rows, columns), at most :data:`FARTHEST`; unknown cells carried on."""
        filled = carry_forward(table, self.centre)
        return np.clip((filled - self.centre) / self.scale, -FARTHEST, FARTHEST)


def robust_scaler(history: Floats) -> Scaler:
    """Median and MAD of each column, so that a minority of anomalies in the history moves neither.

    A column that keeps one value most of the time has no MAD; there the standard deviation stands in, and where
    the history never moved, a hundredth of its level. A column that was always zero counts in its own unit.
    """
    if not len(history):
        return Scaler(np.zeros(history.shape[1]), np.ones(history.shape[1]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # an empty column has no median: it is handled below
        centre = np.nan_to_num(np.nanmedian(history, axis=0))
        mad = np.nan_to_num(np.nanmedian(np.abs(history - centre), axis=0)) * MAD_TO_SIGMA
        spread = np.nan_to_num(np.nanstd(history, axis=0))
    scale = np.where(mad > 1e-3 * spread, mad, spread)
    still = scale <= 1e-9 * np.maximum(np.abs(centre), 1e-300)
    at_rest = np.where(centre != 0, RESOLUTION * np.abs(centre), 1.0)
    return Scaler(centre, np.where(still, at_rest, scale))


def bursty_scaler(history: Floats) -> Scaler:
    """Mean and standard deviation of each column, at least a hundredth of its highest level.

    Among many columns some rest at one value and burst now and then. Their MAD is the noise at rest, and every
    ordinary burst would outshout the rest of the table; their standard deviation holds the bursts.
    """
    robust = robust_scaler(history)
    if not np.isfinite(history).any():
        return robust
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        centre = np.nan_to_num(np.nanmean(history, axis=0))
        spread = np.nan_to_num(np.nanstd(history, axis=0))
        level = np.nan_to_num(np.nanmax(np.abs(history), axis=0))
    still = spread <= 1e-9 * np.maximum(np.abs(centre), 1e-300)
    return Scaler(centre, np.where(still, robust.scale, np.maximum(spread, RESOLUTION * level)))


def scaler_for(history: Floats) -> Scaler:
    """One series against its median and MAD; several against mean and standard deviation."""
    return robust_scaler(history) if history.shape[1] == 1 else bursty_scaler(history)
