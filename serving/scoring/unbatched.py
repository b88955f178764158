"""``/score_series`` without batching, one request at a time, for ``qai-sre bench serve`` to compare with."""

from __future__ import annotations

from typing import Any, cast

import bentoml

from data.settings import load_settings
from pipelines.scoring.series import score_series
from serving.scoring.guard import Guard
from serving.scoring.service import THREADS, TIMEOUT_S, TRACING, SeriesBatch, SeriesReplies, endpoint, settle


@bentoml.service(
    name="qai_unbatched",
    threads=THREADS,
    traffic={"timeout": TIMEOUT_S},
    logging={"access": {"enabled": False}},
    tracing=TRACING,
)
class Unbatched:
    """The same model, the same server, the same messages, as an ordinary BentoML endpoint."""

    def __init__(self) -> None:
        settle()

    @endpoint()
    def score_series(self, batch: SeriesBatch) -> SeriesReplies:
        """How unusual each row of each series is."""
        return score_series(batch)


cast(Any, Unbatched).add_asgi_middleware(Guard, settings=load_settings)
