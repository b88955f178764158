"""Who makes the diagnosis: this process, or a scoring service."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx
from pydantic import SecretStr, ValidationError

from data.domain import Alert, Diagnosis
from data.settings import Settings
from data.telemetry import Telemetry
from models.causal.dowhy_gcm import require_dowhy
from pipelines.attribution import with_attribution
from pipelines.champion import Loaded
from pipelines.scoring.incident import DiagnosisReply
from pipelines.scoring.telemetry import write_message

log = logging.getLogger(__name__)
Investigator = Callable[[Alert, Telemetry], Diagnosis]
TIMEOUT_S = 120.0


def investigator(settings: Settings, champion: Callable[[], Loaded]) -> Investigator:
    """The one that ``settings`` name; ``champion`` gives the ranker in use here."""

    def here(alert: Alert, telemetry: Telemetry) -> Diagnosis:
        return champion().investigate(alert, telemetry)

    chosen: Investigator = here
    if settings.scoring_url is not None:
        chosen = RemoteInvestigator(settings.scoring_url.rstrip("/"), settings.scoring_token, otherwise=here)
    return chosen if settings.causal_s is None else _attributing(chosen, settings.causal_s)


def _attributing(chosen: Investigator, budget_s: float) -> Investigator:
    """``chosen``, and what a causal model says beside it. Raises ConfigError without the extra that this needs."""
    require_dowhy()

    def both(alert: Alert, telemetry: Telemetry) -> Diagnosis:
        return with_attribution(chosen(alert, telemetry), alert, telemetry, budget_s=budget_s)

    return both


@dataclass(frozen=True)
class RemoteInvestigator:
    """Asks the scoring service at ``url``; where it gives no answer, ``otherwise`` does: an incident does not wait."""

    url: str
    token: SecretStr | None
    otherwise: Investigator = field(repr=False)

    def __call__(self, alert: Alert, telemetry: Telemetry) -> Diagnosis:
        headers = {"Authorization": f"Bearer {self.token.get_secret_value()}"} if self.token else {}
        question = {"alert": alert.model_dump(mode="json"), "telemetry": write_message(telemetry)}
        try:
            answer = httpx.post(f"{self.url}/diagnose", json=question, headers=headers, timeout=TIMEOUT_S)
            answer.raise_for_status()
            return DiagnosisReply.model_validate_json(answer.content).diagnosis
        except (httpx.HTTPError, httpx.InvalidURL, ValidationError) as error:
            log.error("QAI_SCORING_URL: %s gave no diagnosis, it is made here: %s", self.url, error)
            return self.otherwise(alert, telemetry)
