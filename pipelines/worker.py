"""Durable execution of the flow on DBOS, embedded: SQLite by default, PostgreSQL by URL.

Only here is DBOS named. A flow interrupted by a crash goes on from its last finished step when a process
with the same ``executor_id`` starts again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import ParamSpec, TypeVar

from dbos import DBOS, DBOSConfig, SetWorkflowID
from dbos import error as dbos_error

from data.database import connect
from data.domain import Decision, Feedback, IncidentStatus, RejectReason
from data.settings import Settings
from data.store import Store
from pipelines.answers import Answers
from pipelines.respond import respond, take_in
from pipelines.steps import IncidentSteps

log = logging.getLogger(__name__)
P = ParamSpec("P")
R = TypeVar("R")

# Steps recorded by one version must be replayed by code that takes the same steps in the same order: raise
# this when the order of steps in ``respond`` changes, and let flows of the version before drain first.
FLOW_VERSION = "1"
_TOPIC = "word"


class Worker:
    """Runs flows. One per process: DBOS keeps its state in the process.

    Use as a context manager; leaving it stops the threads and keeps unfinished flows for the next start.
    """

    def __init__(self, settings: Settings, store: Store, steps: IncidentSteps, answers: Answers) -> None:
        self._settings = settings
        self._store = store
        self._steps = steps
        self._answers = answers

    def __enter__(self) -> Worker:
        config: DBOSConfig = {
            "name": "qai-sre",
            "system_database_engine": connect(self._settings.workflow_url),
            "application_version": FLOW_VERSION,
            "executor_id": self._settings.executor_id,
            "log_level": "WARNING",
            "notification_listener_polling_interval_sec": 0.1,
        }
        DBOS(config=config)
        self._take_in = DBOS.workflow(name="take_in")(self._take_in_flow)
        self._respond = DBOS.workflow(name="respond")(self._respond_flow)
        DBOS.launch()
        self.sweep()
        return self

    def __exit__(self, *_: object) -> None:
        DBOS.destroy(destroy_registry=True)

    def sweep(self) -> None:
        """Take up what a process that died left behind: alerts never started, and words never passed on."""
        for key in self._store.unhandled():
            self.handle(key)
        for incident in self._store.incidents([IncidentStatus.approved, IncidentStatus.escalated]):
            self.tell(incident.id)

    def handle(self, key: str) -> None:
        """Start the flow for a stored alert. A second call for the same alert finds the first one's flow."""
        with SetWorkflowID(key):
            DBOS.start_workflow(self._take_in, key)

    def approve(self, incident_id: str, by: str) -> Decision:
        decision = self._answers.approve(incident_id, by)
        self.tell(incident_id)
        return decision

    def reject(
        self,
        incident_id: str,
        by: str,
        reason: RejectReason,
        *,
        true_service: str | None = None,
        true_change: str | None = None,
        comment: str = "",
    ) -> Feedback:
        feedback = self._answers.reject(
            incident_id, by, reason, true_service=true_service, true_change=true_change, comment=comment
        )
        self.tell(incident_id)
        return feedback

    def start(self, incident_id: str) -> None:
        with SetWorkflowID(incident_id):
            DBOS.start_workflow(self._respond, incident_id)

    def tell(self, incident_id: str) -> None:
        # An incident whose flow has not begun yet has nobody to wake; its flow reads the store when it begins.
        with suppress(dbos_error.DBOSNonExistentWorkflowError):
            DBOS.send(incident_id, "see the store", topic=_TOPIC)

    def step(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        return DBOS.run_step({"name": function.__name__}, function, *args, **kwargs)

    def wait_for_word(self, timeout: timedelta) -> bool:
        return DBOS.recv(topic=_TOPIC, timeout_seconds=timeout.total_seconds()) is not None

    def _take_in_flow(self, key: str) -> str | None:
        return take_in(key, self._steps, self)

    def _respond_flow(self, incident_id: str) -> None:
        try:
            respond(incident_id, self._steps, self)
        except dbos_error.DBOSException:
            raise  # the machinery's own: cancelled, or replayed by code that takes other steps
        except Exception as error:
            log.exception("the flow of %s failed", incident_id)
            self.step(self._steps.give_up, incident_id, f"our own flow failed ({type(error).__name__}: {error})")
