"""The scoring service: ``bentoml serve serving.scoring.service:Scoring``, or ``qai-sre score``.

Importing this module needs the extra ``scoring``. BentoML sends usage statistics unless told not to; it is told.
"""

from __future__ import annotations

import os

os.environ.setdefault("BENTOML_DO_NOT_TRACK", "True")

import gc
import logging
from collections.abc import Callable
from functools import cache
from typing import Annotated, Any, TypeVar, cast

import anyio.to_thread
import bentoml
from annotated_types import MaxLen, MinLen
from bentoml.exceptions import InvalidArgument
from bentoml.validators import ContentType

from data.domain import Diagnosis
from data.errors import InputError
from data.registry import Registry
from data.settings import load_settings
from models.rankers.state import CHAMPION
from pipelines.scoring.alerts import AlertRequest, AlertScore, score_alerts
from pipelines.scoring.forecasts import ForecastReply, ForecastRequest, foretell
from pipelines.scoring.incident import (
    CausesReply,
    ChangesReply,
    DiagnosisReply,
    ImpactReply,
    IncidentRequest,
    causes_of,
    changes_of,
    impact_reply,
)
from pipelines.scoring.series import SeriesRequest, SeriesScores, score_series
from pipelines.scoring.telemetry import read_message
from serving.scoring.guard import Guard
from serving.scoring.rankers import Rankers
from serving.scoring.shadow import Comparison, Shadow

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])

MOST_AT_ONCE = 64
# Not a promise but the point at which a request that waits for its batch is turned away. At 50 ms a busy moment turned
# sound requests away; whoever cannot wait sets a timeout of their own.
PATIENCE_MS = 30_000
TIMEOUT_S = 120
# A diagnosis may take a second: others need not wait for it to be scored.
THREADS = 4
# A batch this small, some ten milliseconds of work, is scored in place: passing the interpreter between threads costs
# more than the work, and what arrives meanwhile makes the next batch fuller.
MOST_ROWS_IN_PLACE = 20_000
# Requests that take a millisecond or two are counted, not traced: a trace would cost as much again.
TRACING: Any = {"excluded_urls": "score_series,score_alert"}

# BentoML works out the JSON schema anew for every request whose body is a bare list, and for every answer that does not
# name its media type: that took a third of the time.
_JSON = ContentType("application/json")
SeriesBatch = Annotated[list[SeriesRequest], MinLen(1), MaxLen(MOST_AT_ONCE)]
SeriesReplies = Annotated[list[SeriesScores], _JSON]
AlertBatch = Annotated[list[AlertRequest], MinLen(1), MaxLen(MOST_AT_ONCE)]
AlertReplies = Annotated[list[AlertScore], _JSON]


def endpoint(**options: Any) -> Callable[[F], F]:
    """``bentoml.api``, with types."""
    return cast(Callable[[F], F], bentoml.api(**options))


def settle() -> None:
    """Keep the garbage collector off what was made at the start and stays: looking through it all takes a tenth of a
    second, during which everybody waits."""
    gc.collect()
    gc.freeze()


_on_shutdown = cast(Callable[[F], F], bentoml.on_shutdown)
BATCHED = {"batchable": True, "max_batch_size": MOST_AT_ONCE, "max_latency_ms": PATIENCE_MS}


@bentoml.service(
    name="qai_scoring",
    threads=THREADS,
    traffic={"timeout": TIMEOUT_S},
    logging={"access": {"enabled": False}},
    tracing=TRACING,
)
class Scoring:
    """Models of QAI SRE over HTTP. Scores are higher where something is more suspicious; times are UTC."""

    def __init__(self) -> None:
        settings = load_settings()
        # Read only: who is champion is decided elsewhere.
        self._objective = settings.objective
        self._rankers = Rankers(Registry(settings.state_dir / "models", CHAMPION))
        self._shadow = Shadow(_count_comparison)
        logging.getLogger("qai").setLevel(logging.INFO)
        settle()

    @_on_shutdown
    def close(self) -> None:
        self._shadow.close()

    def __is_ready__(self) -> bool:
        return self._rankers.current().champion is not None

    @endpoint(**BATCHED)
    async def score_series(self, batch: SeriesBatch) -> SeriesReplies:
        """How unusual each row of each series is."""
        if sum(len(series.values) for series in batch) <= MOST_ROWS_IN_PLACE:
            return score_series(batch)
        return await anyio.to_thread.run_sync(score_series, batch)

    @endpoint(**BATCHED)
    def score_alert(self, batch: AlertBatch) -> AlertReplies:
        """How severe each alert or incident text sounds."""
        return score_alerts(batch)

    @endpoint()
    def forecast(self, request: ForecastRequest, /) -> ForecastReply:
        """Whether a series will reach its threshold, how likely, and when."""
        return _mended(lambda: foretell(request))

    @endpoint()
    def diagnose(self, request: IncidentRequest, /) -> DiagnosisReply:
        """Everything at once: causes, changes and impact."""
        diagnosis, model = self._diagnosed(request)
        return DiagnosisReply(model=model, diagnosis=diagnosis)

    @endpoint()
    def rank_causes(self, request: IncidentRequest, /) -> CausesReply:
        """Which service caused the alert."""
        return causes_of(*self._diagnosed(request))

    @endpoint()
    def rank_changes(self, request: IncidentRequest, /) -> ChangesReply:
        """Which change caused the incident, or none."""
        return changes_of(*self._diagnosed(request))

    @endpoint()
    def assess_impact(self, request: IncidentRequest, /) -> ImpactReply:
        """How bad it is, and how far it reaches."""
        diagnosis, model = self._diagnosed(request)
        telemetry = read_message(request.telemetry)
        return impact_reply(request, telemetry, diagnosis, model, objective=self._objective)

    def _diagnosed(self, request: IncidentRequest) -> tuple[Diagnosis, str]:
        in_use = self._rankers.current()
        champion = in_use.champion
        telemetry = read_message(request.telemetry)
        diagnosis = _mended(lambda: champion.investigate(request.alert, telemetry, as_of=request.as_of))
        _counters()["answers"].labels(model=champion.name).inc()
        if in_use.challenger is not None:
            self._shadow.compare(request.alert, telemetry, diagnosis, champion.name, in_use.challenger)
        return diagnosis, champion.name


cast(Any, Scoring).add_asgi_middleware(Guard, settings=load_settings)


def _mended(answer: Callable[[], T]) -> T:
    """What the caller can mend is said to the caller."""
    try:
        return answer()
    except InputError as error:
        raise InvalidArgument(str(error)) from error


@cache
def _counters() -> dict[str, Any]:
    """Counters beside BentoML's own, at /metrics. Made late: the library looks at its environment when imported."""
    from prometheus_client import Counter

    return {
        "answers": Counter("qai_scoring_answers_total", "Incidents answered, by version of the ranker.", ["model"]),
        "shadow": Counter(
            "qai_scoring_shadow_total", "Incidents the challenger answered, too; outcome is agree, differ or skipped.",
            ["outcome"],
        ),
    }  # fmt: skip


def _count_comparison(comparison: Comparison | None) -> None:
    outcome = "skipped" if comparison is None else "agree" if comparison.agree else "differ"
    _counters()["shadow"].labels(outcome=outcome).inc()
