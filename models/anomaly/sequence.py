"""A small recurrent network that forecasts the next row; what it did not see coming is unusual. Needs torch.

After Malhotra et al., "Long Short Term Memory Networks for Anomaly Detection in Time Series" (ESANN 2015), with a
GRU of 16 units. torch is in no lock of this project: install it yourself, e.g.
``pip install torch --index-url https://download.pytorch.org/whl/cpu``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from data.errors import ConfigError
from models.anomaly.base import Floats, as_table
from models.anomaly.components import stretches
from models.anomaly.robust import WindowStream
from models.anomaly.scaling import Scaler, scaler_for

WINDOW, UNITS, STEPS, BATCH = 24, 16, 150, 64
# The network sees values within this many ordinary variations: beyond them a forecast has nothing to learn.
_WITHIN = 5.0


@dataclass(frozen=True, eq=False)
class FittedSequence:
    """``weights`` by name, and the usual error of a forecast of each column."""

    scaler: Scaler
    weights: dict[str, Floats]
    error: Floats

    @property
    def span(self) -> int:
        return WINDOW + 1

    def score(self, values: Floats) -> Floats:
        scaled = self.scaler.apply(as_table(values))
        if not len(scaled):
            return np.zeros(0)
        forecast = _forecast(_network(scaled.shape[1], self.weights), scaled)
        return np.asarray((np.abs(scaled - forecast) / self.error).max(axis=1))

    def hindsight(self, values: Floats) -> Floats:
        return self.score(values)

    def stream(self) -> WindowStream:
        return WindowStream(self)

    def state(self) -> dict[str, Any]:
        weights = {f"weights.{name}": value for name, value in self.weights.items()}
        return {"centre": self.scaler.centre, "scale": self.scaler.scale, "error": self.error, **weights}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> FittedSequence:
        weights = {k.removeprefix("weights."): np.asarray(v) for k, v in state.items() if k.startswith("weights.")}
        scaler = Scaler(np.asarray(state["centre"]), np.asarray(state["scale"]))
        return cls(scaler, weights, np.asarray(state["error"]))


@dataclass(frozen=True)
class Sequence:
    """Trained for a fixed number of small steps, so that fitting takes about a second whatever the history."""

    seed: int = 0

    def fit(self, history: Floats, *, rows: int | None = None) -> FittedSequence:
        torch = _torch()
        table = as_table(history)
        scaler = scaler_for(table)
        scaled = scaler.apply(table)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            network = _network(scaled.shape[1])
            if len(scaled) > 1:
                _train(network, scaled, np.random.default_rng(self.seed))
        errors = np.abs(scaled - _forecast(network, scaled)) if len(scaled) else np.ones((1, scaled.shape[1]))
        weights = {name: value.numpy().copy() for name, value in network.state_dict().items()}
        return FittedSequence(scaler, weights, np.maximum(np.median(errors, axis=0), 0.05))


def _torch() -> Any:
    try:
        import torch
    except ImportError as error:
        raise ConfigError(
            "the sequence detector needs torch: pip install torch --index-url https://download.pytorch.org/whl/cpu"
        ) from error
    return torch


def _network(columns: int, weights: dict[str, Floats] | None = None) -> Any:
    torch = _torch()
    network = torch.nn.ModuleDict(
        {"memory": torch.nn.GRU(columns, UNITS, batch_first=True), "head": torch.nn.Linear(UNITS, columns)}
    )
    if weights is not None:
        network.load_state_dict({name: torch.tensor(np.asarray(value)) for name, value in weights.items()})
    return network


def _inputs(scaled: Floats) -> Floats:
    """The WINDOW rows before each row, (rows, WINDOW, columns)."""
    columns = scaled.shape[1]
    before = np.concatenate([scaled[:1], scaled[:-1]])
    windows = stretches(np.clip(before, -_WITHIN, _WITHIN), WINDOW).reshape(len(scaled), columns, WINDOW)
    return np.ascontiguousarray(windows.transpose(0, 2, 1))


def _run(network: Any, inputs: Floats) -> Any:
    torch = _torch()
    outputs, _ = network["memory"](torch.tensor(inputs, dtype=torch.float32))
    return network["head"](outputs[:, -1])


def _forecast(network: Any, scaled: Floats) -> Floats:
    with _torch().no_grad():
        return np.asarray(_run(network, _inputs(scaled)).numpy(), dtype=float)


def _train(network: Any, scaled: Floats, rng: np.random.Generator) -> None:
    torch = _torch()
    inputs, targets = _inputs(scaled), np.clip(scaled, -_WITHIN, _WITHIN)
    optimiser = torch.optim.Adam(network.parameters(), lr=0.01)
    for _ in range(STEPS):
        rows = rng.integers(0, len(scaled), size=min(BATCH, len(scaled)))
        optimiser.zero_grad()
        error = _run(network, inputs[rows]) - torch.tensor(targets[rows], dtype=torch.float32)
        error.abs().mean().backward()
        optimiser.step()
