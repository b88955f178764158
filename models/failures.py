"""Where errors start, and whose failure a failed call is: the caller's, or that of whom it called.

A client's span that fails says that a call failed, not who made it fail. A server error, or a refusal for want of
capacity, is the word of whoever answered. Where nobody answered it may be either, or the way between them; where the
callee tells of its other calls and not of these, they did not get through to it. OpenTelemetry has callers count 4xx
answers as errors, and callees not (Semantic Conventions, HTTP spans, "Status"): such a call may be a bad request or a
refused one.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import replace
from functools import lru_cache

import numpy as np
import pandas as pd

from data.domain import EvidenceKind
from models.base import PASSED_ON, Channel, Finding
from models.spans import Spans
from models.traces import Traces

# An answer that says that the callee could not: HTTP 5xx and 429, gRPC's words for the same.
_COULD_NOT = re.compile(
    r"\b(?:5\d\d|429)\b|too many requests|rate.?limit|throttl|resource.?exhausted|overload|service.?unavailable"
    r"|internal.?server.?error|quota",
    re.IGNORECASE,
)
_SILENT = re.compile(r"time[d-]?.?out|did not answer|no answer|deadline", re.IGNORECASE)
# How much of the failure belongs to the callee.
ANSWERED, LOST, EITHER = 0.9, 0.75, 0.5


@lru_cache(maxsize=4_096)
def share_of_callee(said: str, *, tells: bool) -> float:
    """How much of a failed call is the callee's failure, in [0, 1].

    Args:
        said: the error, or the status, of the caller's span.
        tells: whether the callee has spans of its own for other calls.
    """
    if _SILENT.search(said):
        return LOST if tells else EITHER
    return ANSWERED if _COULD_NOT.search(said) else EITHER


def failing_findings(traces: Traces, before: Spans, window: Spans) -> list[Finding]:
    """Where errors start: failed spans none of whose children failed, as a share of the service's spans.

    Args:
        traces: what ``before`` and ``window`` are spans of.
    """
    names = window.names
    count = len(names.services)
    had, has = (np.bincount(spans.service, minlength=count) for spans in (before, window))
    failing_before, failing = (np.bincount(spans.service[spans.origin], minlength=count) for spans in (before, window))
    usual = failing_before / np.maximum(had, 1)
    share = failing / np.maximum(has, 1)
    # Root of the count: the second error tells less than the first.
    score = (share - usual) * np.sqrt(failing)
    tells = {names.service(number) for number in np.flatnonzero(had + has)}
    rows = window.row[window.origin]
    findings = []
    for number in np.flatnonzero(score > 0):
        spans = traces.spans.iloc[rows[window.service[window.origin] == number]]
        finding = _of_origin(names.service(number), spans, int(has[number]), float(usual[number]), float(score[number]))
        shares = _shares_of_callees(spans, tells)
        # Where calls failed, it may be whom they went to.
        finding = replace(finding, trust=1.0 - float(sum(shares.values())))
        findings.append(finding)
        findings.extend(_of_callee(name, answered, share, finding) for (name, answered), share in shares.items())
    return findings


def _of_origin(service: str, spans: pd.DataFrame, total: int, was: float, score: float) -> Finding:
    """That ``spans`` of ``service``, of ``total``, failed by themselves, as ``was`` the share before."""
    texts = spans["error"].dropna().astype(str) if "error" in spans else pd.Series(dtype=str)
    most = texts.mode().iloc[0] if len(texts) else ""
    said = f': "{most[:160]}"' if most else ""
    text = f"{len(spans)} of {total} spans of {service} fail where none of their calls did, {was:.0%} before{said}"
    first = spans["timestamp"].min().to_pydatetime()
    detail = {"failed": len(spans), "spans": total, "usual_share": was, "error": most}
    return Finding(service, Channel.error_origin, score, EvidenceKind.span, text, "spans", "errors", first, detail)


def _shares_of_callees(spans: pd.DataFrame, tells: set[str]) -> dict[tuple[str, bool], float]:
    """How much of one service's failures belongs to each of those it called, and whether that one answered."""
    shares: dict[tuple[str, bool], float] = defaultdict(float)
    said = spans["error"].fillna("").astype(str) if "error" in spans else pd.Series("", index=spans.index)
    status = spans["status"].fillna("").astype(str) if "status" in spans else pd.Series("", index=spans.index)
    answered = spans["names"].isna()
    callees = spans["names"].where(~answered, spans["asked"])
    for callee, by_itself, text in zip(callees, answered, said + " " + status, strict=True):
        if not pd.isna(callee):
            shares[str(callee), by_itself] += share_of_callee(text, tells=callee in tells) / len(spans)
    return dict(shares)


def _of_callee(name: str, answered: bool, share: float, origin: Finding) -> Finding:
    """That failed calls may be the failure of ``name``, whom they went to."""
    own = f"{name} reports no failure of them" if answered else f"{name} has no span for them"
    text = f"calls of {origin.service} to {name} fail and {own}"
    return Finding(name, Channel.peer_errors, origin.score * share, EvidenceKind.span, text, "spans", "failing calls",
                   origin.at, {PASSED_ON: (origin.service, share)})  # fmt: skip
