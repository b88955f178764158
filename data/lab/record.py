"""Record an incident as a bundle: ``python -m data.lab.record OUT`` runs the shop in real time and breaks it.

The shop runs from checkouts of its repository under steady load. Deploys come one by one, most of them
harmless; one carries a commit that slows inventory down. When checkout's alert rule fires, the recording
goes on for a while and stops. Nothing in the bundle is made up: it is what the processes reported.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from data.domain import Alert, Change, ChangeKind, now
from data.errors import ActionError
from data.lab import tape
from data.lab.history import BASE, GUILTY, HISTORY
from data.lab.load import Customers
from data.lab.repository import build_repository, git
from data.lab.rule import Rule
from data.lab.shop import SERVICES, Deploy, Shop
from data.sources.bundle import write_bundle
from data.telemetry import Telemetry

log = logging.getLogger(__name__)


_CHECKOUT_IS_SLOW = Rule("checkout", "http_server_request_duration_p95_ms", threshold=200.0, samples=12)


@dataclass(frozen=True)
class Plan:
    """When what happens, in seconds from the start of the recording."""

    deploys: tuple[tuple[float, str, str], ...] = (
        (85.0, "catalogue", "catalogue-sort"),
        (205.0, "cart", "cart-limit"),
        (340.0, "payment", "payment-timeout"),
        (500.0, "inventory", "inventory-log-reservations"),
        (532.0, "checkout", "checkout-structured-log"),
        (650.0, "storefront", "storefront-free-delivery"),
    )
    warm_up_s: float = 40.0
    give_up_s: float = 900.0
    aftermath_s: float = 150.0
    scrape_interval_s: float = 5.0
    rule: Rule = _CHECKOUT_IS_SLOW
    most_spans: int = 9000
    seed: int = 1

    def at_pace(self, pace: float) -> Plan:
        """The same plan with every wait multiplied by ``pace``, for a quick trial."""
        return replace(
            self,
            deploys=tuple((at * pace, service, slug) for at, service, slug in self.deploys),
            warm_up_s=self.warm_up_s * pace,
            give_up_s=self.give_up_s * pace,
            aftermath_s=self.aftermath_s * pace,
            scrape_interval_s=max(1.0, self.scrape_interval_s * pace),
        )


def record(out: Path, plan: Plan) -> None:
    """Run ``plan`` and write the bundle to ``out``, with ``truth.json``, ``repository.json`` and ``recording.json``.

    Raises:
        ActionError: if a service does not start, or the alert rule never fires.
    """
    with tempfile.TemporaryDirectory(prefix="qai-lab-") as scratch:
        end = now().replace(microsecond=0)
        repository = Path(scratch) / "repository"
        ids = build_repository(repository, end)
        with Shop(repository, Path(scratch), scrape_interval_s=plan.scrape_interval_s) as shop:
            shop.start(ids[BASE])
            with Customers(shop.url("storefront"), seed=plan.seed):
                time.sleep(plan.warm_up_s)
                started = now()
                deploys, alert = _play(plan, shop, ids, started)
                ended = now()
        telemetry = _telemetry(shop.telemetry, started, plan.most_spans).before(ended)
        changes = (*commits(repository), *map(deployment, deploys))
        write_bundle(out, alert, replace(telemetry, changes=tuple(sorted(changes, key=lambda c: c.timestamp))))
    culprits = [ids[GUILTY], *(deployment(d).id for d in deploys if d.service == "inventory")]
    indicators = ["http_server_request_duration_p95_ms", "db_client_queries_per_request"]
    _write(out / "truth.json", {"services": ["inventory"], "indicators": indicators, "changes": culprits})
    _write(out / "repository.json", {"end": end.isoformat(), "head": ids[HISTORY[-1].slug]})
    _write(out / "recording.json", _circumstances(started, ended, plan))


def _play(plan: Plan, shop: Shop, ids: dict[str, str], started: datetime) -> tuple[list[Deploy], Alert]:
    """Deploy on schedule and watch the alert rule, until some time after it fired."""
    due, done = list(plan.deploys), list[Deploy]()
    alert: Alert | None = None
    stop_at = started + timedelta(seconds=plan.give_up_s)
    while now() < stop_at:
        if due and now() >= started + timedelta(seconds=due[0][0]):
            _, service, slug = due.pop(0)
            done.append(shop.deploy(service, ids[slug]))
            log.info("%s deployed from %s (%s)", service, ids[slug][:7], slug)
        alert = alert or _watch(plan.rule, shop.telemetry, started)
        if alert is not None:
            stop_at = min(stop_at, alert.fired_at + timedelta(seconds=plan.aftermath_s))
        time.sleep(min(1.0, plan.scrape_interval_s / 5))
    if alert is None:
        raise ActionError(f"the alert rule did not fire within {plan.give_up_s:g} s; nothing was recorded")
    return done, alert


def _watch(rule: Rule, folder: Path, started: datetime) -> Alert | None:
    value = rule.breach(tape.read_metrics(folder, started, rule.service))
    if value is None:
        return None
    at = now()
    log.info("alert: %s %s = %.0f", rule.service, rule.metric, value)
    return Alert(
        id=f"alert-{at:%Y%m%d%H%M%S}",
        source="lab",
        service=rule.service,
        title=f"[Triggered] {rule.service}: p95 request latency above {rule.threshold:g} ms",
        fired_at=at,
        group=f"{rule.service}-latency",
        metric=rule.metric,
        value=value,
        threshold=rule.threshold,
        tags={"env": "lab", "service": rule.service},
    )


def _telemetry(folder: Path, started: datetime, most_spans: int) -> Telemetry:
    spans = tape.read_spans(folder, started)
    sample = tape.sampled(spans, most_spans)
    log.info("keeping %d of %d spans", len(sample), len(spans))
    return Telemetry(
        metrics=tape.read_metrics(folder, started),
        logs=tape.kept_logs(tape.read_logs(folder, started), sample),
        spans=sample,
        graph=tape.call_graph(spans),
    )


def commits(repository: Path, since: timedelta = timedelta(days=3)) -> list[Change]:
    """The commits of the last days before the newest, with their diffs, oldest first."""
    lines = git(repository, "log", "--reverse", "--format=%H%x00%aI%x00%an%x00%s", "main").splitlines()
    found = [_commit(repository, *line.split("\0")) for line in lines]
    return [change for change in found if change.timestamp >= found[-1].timestamp - since]


def _commit(repository: Path, commit: str, at: str, author: str, summary: str) -> Change:
    files = tuple(git(repository, "show", "--format=", "--name-only", commit).split())
    owners = {file.partition("/")[0] for file in files}
    return Change(
        id=commit,
        kind=ChangeKind.commit,
        timestamp=datetime.fromisoformat(at),
        service=owners.pop() if len(owners) == 1 and owners <= set(SERVICES) else None,
        summary=summary,
        author=author,
        files=files,
        diff=git(repository, "show", "--format=", commit),
    )


def deployment(deploy: Deploy) -> Change:
    """A deploy as change events describe one."""
    return Change(
        id=f"deploy-{deploy.instance}",
        kind=ChangeKind.deploy,
        timestamp=deploy.at,
        service=deploy.service,
        summary=f"Deploy {deploy.service} at {deploy.commit[:7]}",
        commit=deploy.commit,
        version=deploy.commit[:7],
        instances=(deploy.instance,),
        removed_instances=(deploy.removed_instance,),
    )


def _circumstances(started: datetime, ended: datetime, plan: Plan) -> dict[str, object]:
    return {
        "started": started.isoformat(),
        "ended": ended.isoformat(),
        "scrape_interval_s": plan.scrape_interval_s,
        "cores": os.cpu_count(),
        "load_average_at_end": [round(load, 2) for load in os.getloadavg()],
    }


def _write(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line: where to write, and how fast to play."""
    parser = argparse.ArgumentParser(prog="python -m data.lab.record", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("out", type=Path, help="folder to write the bundle to")
    parser.add_argument("--pace", type=float, default=1.0, help="multiply every wait; 0.2 makes a trial of 2.5 minutes")
    chosen = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    record(chosen.out, Plan().at_pace(chosen.pace))


if __name__ == "__main__":
    main()
