"""Runs in the peers' own environment, as a script: it knows nothing of this project.

Reads one JSON object a line on stdin, ``{"method", "file", "seed", "cpu_s"}``, where the file is an npz with ``values``
(T, K), ``columns`` and ``split``; answers each with one line, ``{"ranked": [column, ...]}`` or ``{"error": "..."}``. A
method is given up after ``cpu_s`` seconds of processor time, so that a busy machine fails nobody. What the libraries
print goes to stderr.
"""

from __future__ import annotations

import contextlib
import json
import random
import signal
import sys
import warnings
from importlib import import_module
from types import FrameType
from typing import Any

MOST_NAMED = 1000


def baro(frame: Any, split: int) -> list[str]:
    return list(import_module("RCAEval.e2e.baro").baro(frame, split, dataset="any")["ranks"])


def rcaeval_nsigma(frame: Any, split: int) -> list[str]:
    return list(import_module("RCAEval.e2e").nsigma(frame, split, dataset="any")["ranks"])


def circa(frame: Any, split: int) -> list[str]:
    # The undecorated function: RCAEval's wrapper answers a failure with the order of the columns.
    method = import_module("RCAEval.e2e.circa").circa
    method = next((c.cell_contents for c in method.__closure__ or () if callable(c.cell_contents)), method)
    return list(method(frame, split, dataset="any")["ranks"])


def rcd(frame: Any, split: int) -> list[str]:
    analyzers = import_module("pyrca.analyzers.rcd")
    found = analyzers.RCD(analyzers.RCDConfig(k=MOST_NAMED)).find_root_causes(*_halves(frame, split))
    return _named(found)


def epsilon(frame: Any, split: int) -> list[str]:
    analyzers = import_module("pyrca.analyzers.epsilon_diagnosis")
    normal, abnormal = _halves(frame, split)
    length = min(len(normal), len(abnormal))
    model = analyzers.EpsilonDiagnosis(analyzers.EpsilonDiagnosis.config_class(root_cause_top_k=MOST_NAMED))
    model.train(normal.tail(length))
    return _named(model.find_root_causes(abnormal.head(length)))


def hypothesis_testing(frame: Any, split: int) -> list[str]:
    analyzers, graphs = import_module("pyrca.analyzers.ht"), import_module("pyrca.graphs.causal.pc")
    config = graphs.PC.config_class()
    config.run_pdag2dag = False
    graph = graphs.PC(config).train(frame.drop(columns="time")[_moving(frame, split)])
    normal, abnormal = _halves(frame, split)
    model = analyzers.HT(analyzers.HTConfig(graph=graph, root_cause_top_k=MOST_NAMED))
    model.train(normal)
    return _named(model.find_root_causes(abnormal))


METHODS = {f.__name__: f for f in (baro, rcaeval_nsigma, circa, rcd, epsilon, hypothesis_testing)}


class TooLong(BaseException):
    """Not an Exception: libraries that catch those shall not catch this."""


def _give_up(number: int, frame: FrameType | None) -> None:
    raise TooLong


def main() -> None:
    signal.signal(signal.SIGPROF, _give_up)
    answers, sys.stdout = sys.stdout, sys.stderr
    warnings.filterwarnings("ignore")
    for line in sys.stdin:
        with contextlib.redirect_stdout(sys.stderr):
            answer = _answer(json.loads(line))
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    import numpy as np
    import pandas as pd

    with np.load(request["file"]) as stored:
        frame = pd.DataFrame(stored["values"], columns=[str(name) for name in stored["columns"]])
        split = int(stored["split"])
    frame["time"] = np.arange(len(frame))
    random.seed(request["seed"])
    np.random.seed(request["seed"])
    try:
        signal.setitimer(signal.ITIMER_PROF, request["cpu_s"])
        return {"ranked": [str(column) for column in METHODS[request["method"]](frame, split)]}
    except TooLong:
        return {"error": f"no answer within {request['cpu_s']:g} s of processor time"}
    except Exception as error:  # noqa: BLE001 - another's library may raise anything; the reader is told what
        return {"error": f"{type(error).__name__}: {error}"[:300]}
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def _halves(frame: Any, split: int) -> tuple[Any, Any]:
    moving = _moving(frame, split)
    return frame[moving].iloc[:split].reset_index(drop=True), frame[moving].iloc[split:].reset_index(drop=True)


def _moving(frame: Any, split: int) -> list[str]:
    """The columns that are constant on neither side, which these methods need."""
    normal, abnormal = frame.iloc[:split], frame.iloc[split:]
    return [c for c in frame.columns if c != "time" and normal[c].nunique() > 1 and abnormal[c].nunique() > 1]


def _named(found: Any) -> list[str]:
    return [str(name) for name, *_ in found.to_dict()["root_cause_nodes"]]


if __name__ == "__main__":
    main()
