"""Durable execution of the flow on DBOS, embedded: SQLite by default, PostgreSQL by URL.

Only here is DBOS named. A flow interrupted by a crash goes on from its last finished step when a process
with the same ``executor_id`` starts again.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import ParamSpec, TypeVar

from dbos import DBOS, DBOSConfig, SetWorkflowID
from dbos import error as dbos_error

from data.action import TakenBack, TakingBack
from data.database import connect_for_workflows
from data.domain import Decision, Feedback, IncidentStatus, Outcome, RejectReason, now
from data.errors import ConfigError
from data.settings import Settings
from data.store import Store
from pipelines.answers import Answers
from pipelines.recovery import RecoveryWatch
from pipelines.respond import conclude, respond, take_back, take_in
from pipelines.schedule import Job
from pipelines.steps import IncidentSteps
from pipelines.undo import HALTED

log = logging.getLogger(__name__)
P = ParamSpec("P")
R = TypeVar("R")

# Steps recorded by one version must be replayed by code that takes the same steps in the same order: raise
# this when the order of steps in ``respond`` changes, and let flows of the version before drain first.
FLOW_VERSION = "1"
_SWEEP_EVERY_S = 30.0


class Worker:
    """Runs flows. One per process: DBOS keeps its state in the process.

    Use as a context manager; leaving it stops the threads and keeps unfinished flows for the next start.
    """

    def __init__(
        self,
        settings: Settings,
        store: Store,
        steps: IncidentSteps,
        answers: Answers,
        jobs: Sequence[Job] = (),
    ) -> None:
        self._settings = settings
        self._store = store
        self._steps = steps
        self._answers = answers
        self._jobs = jobs
        self._stop = threading.Event()

    def __enter__(self) -> Worker:
        config: DBOSConfig = {
            "name": "qai-sre",
            "system_database_engine": connect_for_workflows(self._settings.workflow_url),
            "application_version": FLOW_VERSION,
            "executor_id": self._settings.executor_id,
            "log_level": "WARNING",
            # An investigation keeps a core busy: more at once would only make every one of them late.
            "max_executor_threads": 4 * (os.cpu_count() or 1),
        }
        DBOS(config=config)
        self._take_in = DBOS.workflow(name="take_in")(self._take_in_flow())
        self._respond = DBOS.workflow(name="respond")(self._respond_flow())
        self._conclude = DBOS.workflow(name="conclude")(self._conclude_flow())
        self._take_back = DBOS.workflow(name="take_back")(self._take_back_flow())
        flows = {job.name: DBOS.workflow(name=job.name)(self._job_flow(job)) for job in self._jobs}
        DBOS.launch()
        for job in self._jobs:
            self._schedule(job, flows[job.name])
        self._stop.clear()
        threading.Thread(target=self._sweep_regularly, name="sweep", daemon=True).start()
        threading.Thread(target=self.recoveries.run, args=(self._stop,), name="verify", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        DBOS.destroy(destroy_registry=True)

    def sweep(self) -> None:
        """Take up what a process that died left behind, and what nobody decided in time."""
        for key in self._store.unhandled():
            self.handle(key)
        for incident in self._store.incidents([IncidentStatus.approved, IncidentStatus.awaiting_approval]):
            if incident.status is IncidentStatus.approved or self._is_late(incident.id):
                self.begin_conclude(incident.id)

        for incident in self._store.having(TakingBack, without=TakenBack):
            self.begin_take_back(incident.id)

    @property
    def recoveries(self) -> RecoveryWatch:
        """Looks whether what was done helped."""
        return RecoveryWatch(
            self._settings, self._steps.files, self._steps.sites, self.begin_take_back, self._steps.undoing.go_on
        )

    def handle(self, key: str) -> None:
        """Start the flow for a stored alert. A second call for the same alert finds the first one's flow."""
        with SetWorkflowID(key):
            DBOS.start_workflow(self._take_in, key)

    def approve(self, incident_id: str, by: str) -> Decision:
        decision = self._answers.approve(incident_id, by)
        if decision.outcome is Outcome.act:  # else more people have to approve
            self.begin_conclude(incident_id)
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
        self.begin_conclude(incident_id)
        return feedback

    def begin_respond(self, incident_id: str, look: int = 1) -> None:
        with SetWorkflowID(incident_id if look == 1 else f"{incident_id}:look:{look}"):
            DBOS.start_workflow(self._respond, incident_id)

    def begin_conclude(self, incident_id: str) -> None:
        # Once for each answer: after a merge that failed, the same pull request may be approved again.
        answers = len(self._store.all(incident_id, Feedback))
        with SetWorkflowID(f"{incident_id}:conclude:{answers}"):
            DBOS.start_workflow(self._conclude, incident_id)

    def begin_take_back(self, incident_id: str) -> None:
        """Start :func:`take_back` for an incident: once, and once more after each time an emergency stop halted it."""
        if self._steps.undoing.is_stopped(incident_id):
            return
        halted = sum(event.kind == HALTED for event in self._store.events(incident_id))
        with SetWorkflowID(f"{incident_id}:take_back:{halted}"):
            DBOS.start_workflow(self._take_back, incident_id)

    def step(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        return DBOS.run_step({"name": function.__name__}, function, *args, **kwargs)

    def _schedule(self, job: Job, flow: Callable[[datetime, object], None]) -> None:
        """Do ``job`` whenever its time comes, on the replica whose turn it is; the schedule outlives this process."""
        if job.cron is None:
            DBOS.delete_schedule(job.name)
            return
        try:
            DBOS.apply_schedules([{"schedule_name": job.name, "workflow_fn": flow, "schedule": job.cron}])
        except (dbos_error.DBOSException, ValueError) as error:
            DBOS.destroy(destroy_registry=True)
            raise ConfigError(
                f"{job.setting}: {job.cron!r} is no cron expression such as 0 3 * * * ({error})"
            ) from error

    def _sweep_regularly(self) -> None:
        while True:
            try:
                self.sweep()
            except Exception:
                log.exception("the sweep failed; trying again in %g s", _SWEEP_EVERY_S)
            if self._stop.wait(_SWEEP_EVERY_S):
                return

    def _is_late(self, incident_id: str) -> bool:
        asked = [e.at for e in self._store.events(incident_id) if e.kind == IncidentStatus.awaiting_approval.value]
        return bool(asked) and now() - asked[-1] > timedelta(days=self._settings.approval_days)

    # DBOS marks the functions it registers, which bound methods do not allow: hence functions that return functions.

    def _take_in_flow(self) -> Callable[[str], str | None]:
        def take_in_flow(key: str) -> str | None:
            return take_in(key, self._steps, self)

        return take_in_flow

    def _respond_flow(self) -> Callable[[str], None]:
        def respond_flow(incident_id: str) -> None:
            self._guarded(respond, incident_id)

        return respond_flow

    def _conclude_flow(self) -> Callable[[str], None]:
        def conclude_flow(incident_id: str) -> None:
            self._guarded(conclude, incident_id)

        return conclude_flow

    def _take_back_flow(self) -> Callable[[str], None]:
        def take_back_flow(incident_id: str) -> None:
            self._guarded(take_back, incident_id)

        return take_back_flow

    def _job_flow(self, job: Job) -> Callable[[datetime, object], None]:
        def job_flow(_at: datetime, _context: object) -> None:
            found = self.step(job.once)
            if job.begin is not None:
                for name in found:
                    job.begin(self, name)

        return job_flow

    def _guarded(self, flow: Callable[[str, IncidentSteps, Worker], None], incident_id: str) -> None:
        """Run a flow; one that fails is handed to a person rather than forgotten."""
        try:
            flow(incident_id, self._steps, self)
        except dbos_error.DBOSException:
            raise  # the machinery's own: cancelled, or replayed by code that takes other steps
        except Exception as error:
            log.exception("the flow of %s failed", incident_id)
            self.step(self._steps.give_up, incident_id, f"our own flow failed ({type(error).__name__}: {error})")
