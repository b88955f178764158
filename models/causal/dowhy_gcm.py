"""Attribution with dowhy's graphical causal models, within a time budget that holds.

Shapley values have no natural end and dowhy none that one may set, so the work is done by a process of its own that
is stopped when its time is over. Needs the extra ``causal``.
"""

from __future__ import annotations

import multiprocessing
import signal
import sys
from collections.abc import Callable, Sequence
from enum import StrEnum
from time import monotonic
from typing import TYPE_CHECKING, Any

import numpy as np

from data.errors import ConfigError, ModelError
from models.causal.nodes import Nodes

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.context import SpawnProcess

BUDGET_S = 20.0
# The nodes nearest to the target are kept: Shapley values cost up to 2^N evaluations.
MOST_NODES = 15
SAMPLES = 300
PERMUTATIONS = 5
# Of the incident's samples, spread over it, each of which is attributed by itself.
MOST_ANOMALIES = 3


class Question(StrEnum):
    """``change``: whose mechanism changed the distribution; ``anomaly``: whose noise makes these samples outliers."""

    change = "change"
    anomaly = "anomaly"


Contributions = dict[str, float]
# How long the process may take to clear up.
ENDS_S = 1.0


def gcm_contributions(
    nodes: Nodes, questions: Sequence[Question] = tuple(Question), *, budget_s: float = BUDGET_S
) -> dict[Question, Contributions]:
    """For each question that the budget was enough for, each service's contribution to what the target suffers.

    For an anomaly in nats (of the target's information-theoretic outlier score), for a change in units of the
    target's mean. Negative where a service made it less bad.

    Args:
        questions: in the order to answer them.
        budget_s: of the clock, for all of them and for starting dowhy.

    Raises:
        ConfigError: without dowhy.
        ModelError: where dowhy fails on these data.
    """
    require_dowhy()
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    worker = context.Process(target=_work, args=(theirs, nodes, tuple(questions)), daemon=True)
    over = monotonic() + budget_s
    worker.start()
    theirs.close()
    found: dict[Question, Contributions] = {}
    try:
        for question in questions:
            if not ours.poll(max(over - monotonic(), 0.0)):
                break
            found[question] = _answer(ours)
    finally:
        _end(worker, in_s=ENDS_S if len(found) == len(questions) else 0.0)
        ours.close()
    return found


def _end(worker: SpawnProcess, in_s: float) -> None:
    """Let it end by itself for a while, so that it clears up; then ask it to; then make it."""
    worker.join(in_s)
    if worker.is_alive():
        worker.terminate()
        worker.join(ENDS_S)
    worker.kill()
    worker.join()


def _answer(worker: Connection) -> Contributions:
    try:
        said: Contributions | str = worker.recv()
    except EOFError as error:
        raise ModelError("the process that attributes died; see its output") from error
    if isinstance(said, str):
        raise ModelError(f"dowhy could not attribute: {said}")
    return said


def require_dowhy() -> None:
    """Raises: ConfigError, where dowhy is not installed."""
    from importlib.util import find_spec

    if find_spec("dowhy") is None:
        raise ConfigError("causal attribution with dowhy needs the extra: pip install 'qai-sre[causal]'")


def attribute(nodes: Nodes, question: Question, *, seed: int = 0) -> Contributions:
    """The same in this process, for as long as it takes."""
    _quiet()
    nodes = nearest(nodes, MOST_NODES)
    np.random.seed(seed)  # dowhy draws from numpy's global state
    answers: dict[Question, Callable[[Nodes], Contributions]] = {
        Question.change: _change,
        Question.anomaly: _anomaly,
    }
    return answers[question](nodes)


def nearest(nodes: Nodes, most: int) -> Nodes:
    """``nodes`` with the target and the ``most - 1`` services reached from it first."""
    kept, waiting = {nodes.target: None}, [nodes.target]
    while waiting and len(kept) < most:
        for callee in nodes.callees[waiting.pop(0)]:
            if callee not in kept and len(kept) < most:
                kept[callee] = None
                waiting.append(callee)
    columns = [i for i, s in enumerate(nodes.services) if s in kept]
    return Nodes(
        nodes.target,
        tuple(nodes.services[i] for i in columns),
        {s: tuple(c for c in nodes.callees[s] if c in kept) for s in kept},
        nodes.normal[:, columns],
        nodes.incident[:, columns],
    )


def _work(answer: Connection, nodes: Nodes, questions: Sequence[Question]) -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        for question in questions:
            answer.send(attribute(nodes, question))
    except Exception as error:  # noqa: BLE001  (dowhy raises whatever its parts raise; the parent must hear of it)
        answer.send(f"{type(error).__name__}: {error}")


def _quiet() -> None:
    from dowhy import gcm

    gcm.config.disable_progress_bars()
    gcm.config.set_default_n_jobs(1)


def _change(nodes: Nodes) -> Contributions:
    from dowhy import gcm

    found = gcm.distribution_change(
        _mechanisms(nodes, gcm.ProbabilisticCausalModel),
        _table(nodes, nodes.normal),
        _table(nodes, nodes.incident),
        nodes.target,
        num_samples=SAMPLES,
        difference_estimation_func=lambda old, new: float(np.mean(new) - np.mean(old)),
        shapley_config=_shapley(),
    )
    return {str(s): float(value) for s, value in found.items()}


def _anomaly(nodes: Nodes) -> Contributions:
    from dowhy import gcm

    model = _mechanisms(nodes, gcm.InvertibleStructuralCausalModel)
    gcm.fit(model, _table(nodes, nodes.normal))
    rows = np.unique(np.linspace(0, len(nodes.incident) - 1, MOST_ANOMALIES).round().astype(int))
    found = gcm.attribute_anomalies(
        model,
        nodes.target,
        _table(nodes, nodes.incident[rows]),
        num_distribution_samples=SAMPLES,
        shapley_config=_shapley(),
    )
    return {str(s): float(np.mean(values)) for s, values in found.items()}


def _mechanisms(nodes: Nodes, kind: Callable[[Any], Any]) -> Any:
    """A model in which a service follows its callees linearly, and has a disturbance of its own."""
    import networkx as nx
    from dowhy import gcm

    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_nodes_from(nodes.services)
    graph.add_edges_from((callee, service) for service in nodes.services for callee in nodes.callees[service])
    model = kind(graph)
    for service in nodes.services:
        follows = gcm.AdditiveNoiseModel(gcm.ml.create_ridge_regressor()) if nodes.callees[service] else None
        model.set_causal_mechanism(service, follows or gcm.EmpiricalDistribution())
    return model


def _shapley() -> Any:
    from dowhy.gcm.shapley import ShapleyApproximationMethods, ShapleyConfig

    return ShapleyConfig(ShapleyApproximationMethods.PERMUTATION, num_permutations=PERMUTATIONS, n_jobs=1)


def _table(nodes: Nodes, values: Any) -> Any:
    import pandas as pd

    return pd.DataFrame(values, columns=list(nodes.services))
