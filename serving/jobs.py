"""What is done at set times, put together from the settings: looking ahead, looking for savings, retraining."""

from __future__ import annotations

from datetime import timedelta

from data.domain import now
from data.settings import Settings
from data.sources import Request
from data.sources.certificates import Endpoint
from pipelines.apart import review_apart
from pipelines.casefile import CaseFiles
from pipelines.collect import gather
from pipelines.schedule import Job
from pipelines.sites import Sites
from pipelines.worker import Worker


def jobs(settings: Settings, files: CaseFiles, sites: Sites) -> tuple[Job, ...]:
    """Every job, also those without a time: one that had a time before is to be stopped.

    Raises:
        ConfigError: a setting of a job that has a time names something that cannot be used.
    """
    return (
        Job("retrain", "QAI_RETRAIN_CRON", settings.retrain_cron, lambda: [review_apart(settings)]),
        _predict(settings, files, sites),
        _optimize(settings, files, sites),
    )


def _predict(settings: Settings, files: CaseFiles, sites: Sites) -> Job:
    """Look ahead in every environment; each alert goes the way of any other."""
    from pipelines.limits import read_limits
    from pipelines.predict import Lookout

    found: list[str] = []
    cron = settings.predict_cron
    limits = read_limits(settings.predict_limits) if cron and settings.predict_limits else ()
    endpoints = [Endpoint.parse(text) for text in settings.certificates.split(",") if text.strip()]
    lookouts = [
        Lookout(
            sources=site.sources,
            store=files.store,
            handle=found.append,
            environment=name,
            limits=limits,
            objective=settings.objective,
            # Certificates belong to no environment in particular: they are told of once.
            certificates=endpoints if name is None else (),
            certificate_days=settings.certificate_days,
            deadline_s=settings.source_deadline_s,
            horizon=timedelta(minutes=settings.predict_horizon_minutes),
            history=timedelta(hours=settings.predict_history_hours),
        )
        for name, site in sites.named
    ]

    def look() -> list[str]:
        found.clear()
        for lookout in lookouts:
            lookout.look(now())
        return list(found)

    return Job("predict", "QAI_PREDICT_CRON", cron, look, begin=Worker.handle)


def _optimize(settings: Settings, files: CaseFiles, sites: Sites) -> Job:
    """Review sizes and queries in every environment that has sources; each advice is a proposal for a person."""
    from pipelines.optimize import load_prices, offer, review_telemetry

    cron = settings.optimize_cron
    prices = load_prices(settings.prices) if cron and settings.prices else None

    def look() -> list[str]:
        opened: list[str] = []
        as_of = now()
        request = Request(alert=None, start=as_of - timedelta(days=settings.optimize_history_days), as_of=as_of)
        for name, site in sites.named:
            if site.sources:
                telemetry = gather(request, site.sources, deadline_s=settings.source_deadline_s)
                offer(review_telemetry(telemetry, prices), files, opened.append, name)
        return opened

    return Job("optimize", "QAI_OPTIMIZE_CRON", cron, look, begin=Worker.begin_respond)
