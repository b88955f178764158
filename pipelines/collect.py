"""Collect: ask every source at once, give each a deadline, and let no failure stop the others."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from data.domain import Alert, Evidence, EvidenceKind
from data.errors import SourceError, SourceTimeout
from data.sources import Request, Source
from data.telemetry import Telemetry

log = logging.getLogger(__name__)


def collect(
    alert: Alert, sources: Sequence[Source], *, as_of: datetime, lookback: timedelta, deadline_s: float
) -> Telemetry:
    """What the sources together saw between ``alert.fired_at - lookback`` and ``as_of``.

    A source that fails, or has not answered ``deadline_s`` seconds after it was asked, becomes ``missing``
    evidence in the result. Never raises because of a source.
    """
    request = Request(alert=alert, start=alert.fired_at - lookback, as_of=as_of)
    return gather(request, sources, deadline_s=deadline_s)


def gather(request: Request, sources: Sequence[Source], *, deadline_s: float) -> Telemetry:
    """What the sources together saw of what ``request`` asks for; see :func:`collect`."""
    if not sources:
        return Telemetry(missing=(_missing("sources", "no telemetry source is configured: set QAI_BUNDLE"),))
    gathered = Telemetry()
    for source, answer in zip(sources, _ask_all(sources, request, deadline_s), strict=True):
        if isinstance(answer, Telemetry):
            gathered = gathered.joined(answer)
        else:
            unseen = _missing(source.name, f"the source {source.name} could not be read: {answer}")
            gathered = replace(gathered, missing=(*gathered.missing, unseen))
    return gathered


def _ask_all(sources: Sequence[Source], request: Request, deadline_s: float) -> list[Telemetry | SourceError]:
    """One answer a source, in the order of ``sources``.

    Daemon threads, not a pool: a source that hangs for ever must hold up neither the others nor the exit of
    the process, and Python cannot cancel a blocked thread.
    """
    answers: queue.SimpleQueue[tuple[int, Telemetry | SourceError]] = queue.SimpleQueue()

    def ask(index: int, source: Source) -> None:
        answers.put((index, _ask(source, request)))

    for index, source in enumerate(sources):
        threading.Thread(target=ask, args=(index, source), name=f"source-{source.name}", daemon=True).start()

    collected: list[Telemetry | SourceError] = [SourceTimeout(f"no answer within {deadline_s:g} s") for _ in sources]
    end = time.monotonic() + deadline_s
    for _ in sources:
        try:
            index, answer = answers.get(timeout=max(0.0, end - time.monotonic()))
        except queue.Empty:
            break
        collected[index] = answer
    return collected


def _ask(source: Source, request: Request) -> Telemetry | SourceError:
    try:
        return source.collect(request)
    except SourceError as error:
        return error
    except Exception as error:
        # A defect in one source is logged in full and shown, but must not blind the investigation to the rest.
        log.exception("source %s failed", source.name)
        return SourceError(f"it failed unexpectedly ({type(error).__name__})")


def _missing(part: str, summary: str) -> Evidence:
    return Evidence(
        id=f"missing:{part}", kind=EvidenceKind.missing, summary=summary, source=part, detail={"part": part}
    )
