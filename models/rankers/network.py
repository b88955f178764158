"""A small network over the service graph, the same for any number of services in any order.

Each service's features make a hidden vector; each layer lets a service hear the strongest of its callers, of its
callees and of all; a last linear step corrects the prior (deep sets, Zaheer et al. 2017, with messages along calls). It
is trained with torch, which is not among this project's dependencies, and scored with numpy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from data.errors import ModelError
from data.telemetry import Floats
from models.rankers.boosted import START_SCALE
from models.rankers.packed import Packed
from models.rankers.table import NAMES, Table

BATCH = 64


@dataclass(frozen=True, eq=False)
class Network:
    """``weights`` and ``biases``: the input layer's, those of each round of messages, the output's.

    A correction moves a score by no more than ``bound``: where a system is unlike any that was learned from, the prior
    still has the last word.
    """

    scale: float
    bound: float
    weights: tuple[Floats, ...]
    biases: tuple[Floats, ...]

    def scores(self, table: Table) -> Floats:
        return np.asarray(self.scale * table.prior + self._corrections(table.values, table))

    def contributions(self, table: Table) -> Floats:
        """By occlusion: how much lower a service's score is where the services' values of a feature are zero.

        Not additive, unlike the other rankers'. Costs one pass a feature that any service has. Shape (S, F).
        """
        whole = self._corrections(table.values, table)
        given = np.zeros(table.values.shape)
        for j in np.flatnonzero(table.values.any(axis=0)):
            hidden = table.values.copy()
            hidden[:, j] = 0.0
            given[:, j] = whole - self._corrections(hidden, table)
        return given

    def _corrections(self, values: Floats, table: Table) -> Floats:
        hidden = np.maximum(values @ self.weights[0] + self.biases[0], 0.0)
        for weight, bias in zip(self.weights[1:-1], self.biases[1:-1], strict=True):
            callers, callees = np.zeros_like(hidden), np.zeros_like(hidden)
            np.maximum.at(callers, table.edges[:, 1], hidden[table.edges[:, 0]])
            np.maximum.at(callees, table.edges[:, 0], hidden[table.edges[:, 1]])
            sizes = np.diff(np.append(table.starts, len(hidden)))
            everyone = np.repeat(np.maximum.reduceat(hidden, table.starts), sizes, axis=0)
            heard = np.hstack([hidden, callers, callees, everyone])
            hidden = hidden + np.maximum(heard @ weight + bias, 0.0)
        free = (hidden @ self.weights[-1] + self.biases[-1])[:, 0]
        return np.asarray(self.bound * np.tanh(free / self.bound))

    def arrays(self) -> dict[str, Any]:
        layers = {f"weight_{i}": w for i, w in enumerate(self.weights)}
        return {
            "scale": np.array(self.scale),
            "bound": np.array(self.bound),
            **layers,
            **{f"bias_{i}": b for i, b in enumerate(self.biases)},
        }

    @classmethod
    def from_arrays(cls, arrays: dict[str, Any]) -> Network:
        count = sum(name.startswith("weight_") for name in arrays)
        layers = [[np.asarray(arrays[f"{what}_{i}"], dtype=float) for i in range(count)] for what in ("weight", "bias")]
        return cls(float(arrays["scale"]), float(arrays["bound"]), tuple(layers[0]), tuple(layers[1]))


def fit(
    data: Packed,
    *,
    width: int = 24,
    rounds: int = 1,
    epochs: int = 25,
    rate: float = 3e-3,
    bound: float = 3.0,
    seed: int = 0,
) -> Network:
    """Trained on the listwise loss with dropout and weight decay; the same on the same machine and torch.

    Raises:
        ModelError: where torch is not installed.
    """
    try:
        import torch
    except ImportError as error:
        raise ModelError("training the network needs torch: pip install torch --index-url "
                         "https://download.pytorch.org/whl/cpu") from error  # fmt: skip
    data = data.only(np.logical_or.reduceat(data.guilty, data.starts))
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    layers = [torch.nn.Linear(len(NAMES), width), *(torch.nn.Linear(4 * width, width) for _ in range(rounds)),
              torch.nn.Linear(width, 1)]  # fmt: skip
    torch.nn.init.zeros_(layers[-1].weight)
    torch.nn.init.zeros_(layers[-1].bias)
    parameters = [p for layer in layers for p in layer.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=rate, weight_decay=1e-2)
    steps = epochs * (1 + len(data) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps)
    chance = data.weight / data.weight.sum()
    for _ in range(steps):
        batch = _Batch.of(torch, data, rng.choice(len(data), size=min(BATCH, len(data)), p=chance))
        free = _forward(torch, layers, batch, dropout=0.2)
        scores = START_SCALE * batch.prior + bound * torch.tanh(free / bound)
        loss = batch.surprise(torch, scores)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    kept = [
        (layer.weight.detach().numpy().T.astype(float), layer.bias.detach().numpy().astype(float)) for layer in layers
    ]
    return Network(START_SCALE, bound, tuple(w for w, _ in kept), tuple(b for _, b in kept))


@dataclass(frozen=True)
class _Batch:
    values: Any
    prior: Any
    edges: Any
    group: Any
    guilty: Any
    count: int

    @classmethod
    def of(cls, torch: Any, data: Packed, drawn: Any) -> _Batch:
        part = data.only(np.isin(np.arange(len(data)), drawn))
        return cls(
            torch.tensor(part.values, dtype=torch.float32),
            torch.tensor(part.prior, dtype=torch.float32),
            torch.tensor(part.edges),
            torch.tensor(part.group),
            torch.tensor(part.guilty),
            len(part),
        )

    def surprise(self, torch: Any, scores: Any) -> Any:
        top = torch.full((self.count,), -1e9).scatter_reduce(0, self.group, scores.detach(), "amax")
        powers = torch.exp(scores - top[self.group])
        zeros = torch.zeros(self.count)
        held = zeros.index_add(0, self.group, powers * self.guilty)
        return (torch.log(zeros.index_add(0, self.group, powers)) - torch.log(held + 1e-9)).mean()


def _strongest(torch: Any, values: Any, place: Any, count: int) -> Any:
    """The largest of the non-negative ``values`` rows that go to each of ``count`` places; zero where none does."""
    where = place[:, None].expand(-1, values.shape[1])
    return torch.zeros(count, values.shape[1]).scatter_reduce(0, where, values, "amax")


def _forward(torch: Any, layers: list[Any], batch: _Batch, dropout: float) -> Any:
    def drop(x: Any) -> Any:
        return torch.nn.functional.dropout(x, dropout)

    hidden = torch.relu(layers[0](drop(batch.values)))
    for layer in layers[1:-1]:
        callers = _strongest(torch, hidden[batch.edges[:, 0]], batch.edges[:, 1], len(hidden))
        callees = _strongest(torch, hidden[batch.edges[:, 1]], batch.edges[:, 0], len(hidden))
        everyone = _strongest(torch, hidden, batch.group, batch.count)[batch.group]
        hidden = hidden + torch.relu(layer(drop(torch.cat([hidden, callers, callees, everyone], 1))))
    return layers[-1](hidden)[:, 0]
