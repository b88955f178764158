"""Log lines as plain arrays: read once, looked at from every likely onset."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from data.telemetry import Floats, Times
from models.grouped import Indices, numbered
from models.logs.miner import templates_of

_WEIGHTS = {"fatal": 1.0, "critical": 1.0, "emergency": 1.0, "alert": 1.0, "panic": 1.0, "error": 1.0, "err": 1.0,
            "severe": 1.0, "warning": 0.5, "warn": 0.5}  # fmt: skip
# What an ordinary line is worth beside an error: a new one may as well be a release.
ORDINARY = 0.15
_ERROR_WORDS = re.compile(
    r"\b(?:error|exception|panic|fatal|fail(?:ed|ure|ing)?|refused|timed? ?out|timeout|unavailable|denied|exhausted"
    r"|traceback|oom|killed|expired|rejected)\b|Exception\b|Error\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, eq=False)
class Lines:
    """Lines in the order of time, one a row.

    Attributes:
        at: when they were written.
        service, template: by number; ``services`` and ``templates`` hold the names, in alphabetical order.
        weight: 1 for errors, 0.5 for warnings, little for the rest.
        message: the text.
    """

    at: Times
    service: Indices
    template: Indices
    weight: Floats
    message: npt.NDArray[np.object_]
    services: npt.NDArray[np.object_]
    templates: npt.NDArray[np.object_]

    def __len__(self) -> int:
        return len(self.at)


def read_lines(logs: pd.DataFrame) -> Lines:
    """The lines of a log table, each with its template and how bad it is."""
    logs = logs.sort_values("timestamp", kind="stable")
    message = logs["message"].fillna("").astype(str).to_numpy(dtype=object)
    different, which = np.unique(message, return_inverse=True)
    # In the order of text: templates must not depend on the order of lines.
    template = templates_of(different.tolist())
    (of_each,), templates = numbered([np.array([template[text] for text in different], dtype=object)])
    (service,), services = numbered([logs["service"].astype(str).to_numpy(dtype=object)])
    return Lines(
        at=logs["timestamp"].dt.tz_localize(None).to_numpy(),
        service=service,
        template=of_each[which],
        weight=_weights(logs["severity"], different, which),
        message=message,
        services=services,
        templates=templates,
    )


def _weights(severity: pd.Series, different: npt.NDArray[np.object_], which: Indices) -> Floats:
    """By severity, or by words where it says nothing."""
    (level,), levels = numbered([severity.fillna("").astype(str).to_numpy(dtype=object)])
    words = [str(text).strip().lower() for text in levels]
    by_severity = np.array([_WEIGHTS.get(word, np.nan) for word in words])[level]
    spoken = np.array([bool(_ERROR_WORDS.search(text)) for text in different], dtype=bool)[which]
    # "info" on a line that says "failed" is common: believed by half.
    believed = np.array([0.5 if word else 1.0 for word in words])[level]
    return np.where(np.isnan(by_severity), np.where(spoken, believed, ORDINARY), by_severity)
