"""Whatever makes a context stricter never makes an answer laxer: for any policy and any request."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from data.domain import Outcome, Severity
from data.topology import ServiceGraph
from remediation.policy import (
    ActionKind,
    ActionRequest,
    Budget,
    Deed,
    Freeze,
    Policy,
    Reach,
    Result,
    Rule,
    Tier,
    Tiers,
    TrackRecord,
    Window,
    approvals_needed,
    decide,
    load_policy,
    matching_rule,
    reaching,
    strictness,
)

AT = datetime(2026, 11, 23, 12, tzinfo=UTC)
ACTIONS = [ActionKind.merge, ActionKind.scale, ActionKind.open_pull_request, ActionKind.undo]
SHIPPED = load_policy()
PATHS = [".env", "src/cart.py", "db/schema.sql"]

scopes = st.fixed_dictionaries(
    {},
    optional={
        "actions": st.lists(st.sampled_from(ACTIONS), min_size=1, unique=True),
        "environments": st.just(("prod*",)),
        "services": st.sampled_from([("cart",), ("*",)]),
        "severities": st.lists(st.sampled_from(Severity), min_size=1, unique=True),
    },
)
stricter = st.sampled_from([Outcome.ask, Outcome.refuse])
days = st.lists(st.sampled_from(["mon", "tue", "sun"]), min_size=1, unique=True)


@st.composite
def windows(draw: Any) -> Window:
    start = draw(st.integers(0, 22))
    hours = {"days": draw(days), "from": f"{start:02d}:00", "to": f"{draw(st.integers(start + 1, 24)):02d}:00"}
    return Window.model_validate({**draw(scopes), "name": "w", "hours": [hours], "outside": draw(stricter)})


@st.composite
def freezes(draw: Any) -> Freeze:
    begins = AT + timedelta(hours=draw(st.integers(-9, 9)))
    ends = begins + timedelta(hours=draw(st.integers(1, 9)))
    fields = {"name": "f", "from": begins, "to": ends, "reason": "launch", "during": draw(stricter)}
    return Freeze.model_validate({**draw(scopes), **fields})


deeds = st.builds(
    Deed,
    incident_id=st.just("INC-1"),
    at=st.integers(0, 40).map(lambda n: AT - timedelta(days=n)),
    result=st.sampled_from(Result),
    why=st.just("was so"),
)
rules = st.builds(
    Rule,
    name=st.just("r"),
    actions=st.lists(st.sampled_from(ACTIONS), min_size=1, unique=True).map(tuple),
    outcome=st.sampled_from(Outcome),
    min_confidence=st.sampled_from([0.0, 0.5]),
    approvals=st.integers(1, 2),
    ceiling=st.none() | st.sampled_from(Tier),
)
tiers = st.builds(
    Tiers,
    ceiling=st.sampled_from(Tier),
    start=st.sampled_from([Tier.observe, Tier.suggest, Tier.act_with_approval]),
    recoveries=st.integers(1, 3),
    confirmations=st.integers(1, 3),
    min_confidence=st.sampled_from([0.0, 0.8]),
)
policies = st.builds(
    Policy,
    version=st.just(1),
    rules=rules.map(lambda rule: (rule,)),
    tiers=tiers,
    budget=st.builds(Budget, actions_per_hour=st.integers(0, 3)),
    blast_radius=st.builds(
        Reach, services=st.none() | st.integers(1, 4), users=st.none() | st.just(0.5), beyond=stricter
    ),
    windows=st.lists(windows(), max_size=1).map(tuple),
    freezes=st.lists(freezes(), max_size=1).map(tuple),
    protected_paths=st.sampled_from([(), ("db/**",)]),
)
requests = st.builds(
    ActionRequest,
    action=st.sampled_from(ACTIONS),
    service=st.sampled_from(["cart", "pay"]),
    confidence=st.floats(0, 1),
    severity=st.sampled_from(Severity),
    environment=st.sampled_from(["production", "staging", None]),
    paths=st.lists(st.sampled_from(PATHS), max_size=2, unique=True).map(tuple),
    recent_actions=st.integers(0, 4),
    reach=st.none() | st.integers(1, 5),
    users=st.none() | st.floats(0, 1),
    record=st.lists(deeds, max_size=5).map(lambda found: TrackRecord(deeds=tuple(found))),
    at=st.integers(-48, 48).map(lambda n: AT + timedelta(hours=n)),
)


@st.composite
def stricter_requests(draw: Any) -> tuple[ActionRequest, ActionRequest]:
    """A request, and the same with more at stake."""
    asked = draw(requests)
    latest = max((deed.at for deed in asked.record.deeds), default=asked.at)
    bad = Deed(incident_id="INC-2", at=max(latest, asked.at), result=Result.bad, why="came back")
    changes = {
        "paths": (*asked.paths, draw(st.sampled_from(PATHS))),
        "recent_actions": asked.recent_actions + draw(st.integers(0, 3)),
        "reach": None if asked.reach is None or draw(st.booleans()) else asked.reach + draw(st.integers(0, 3)),
        "users": None if asked.users is None or draw(st.booleans()) else min(1.0, asked.users + 0.3),
        "record": TrackRecord(deeds=(*asked.record.deeds, bad)),
    }
    chosen = draw(st.sets(st.sampled_from(sorted(changes)), min_size=1))
    return asked, asked.model_copy(update={key: changes[key] for key in chosen})


def severity_of(policy: Policy, request: ActionRequest) -> tuple[int, int]:
    """How strict the answer is, and how many people it takes."""
    rule = matching_rule(policy, request)
    needed = approvals_needed(policy, rule, request) if rule else 99
    return strictness(decide(policy, request).outcome), needed


@settings(max_examples=60)
@given(policies, stricter_requests())
def test_more_at_stake_is_never_laxer(policy: Policy, pair: tuple[ActionRequest, ActionRequest]) -> None:
    before, after = (severity_of(policy, request) for request in pair)
    assert after[0] >= before[0]
    assert after[1] >= before[1]


@settings(max_examples=60)
@given(policies, requests, freezes(), windows(), st.data())
def test_a_stricter_policy_is_never_laxer(
    policy: Policy, request: ActionRequest, freeze: Freeze, window: Window, data: Any
) -> None:
    tight = {
        "freezes": (*policy.freezes, freeze.model_copy(update={"name": "f2"})),
        "windows": (*policy.windows, window.model_copy(update={"name": "w2"})),
        "protected_paths": (*policy.protected_paths, "src/**"),
        "protected_approvals": 3,
        "budget": Budget(actions_per_hour=0),
        "blast_radius": Reach(services=1, users=0.0, beyond=Outcome.refuse),
        "tiers": policy.tiers.model_copy(update={"ceiling": Tier.observe}),
        "rules": (),
    }
    chosen = data.draw(st.sets(st.sampled_from(sorted(tight)), min_size=1))
    after = policy.model_copy(update={key: tight[key] for key in chosen})
    assert strictness(decide(after, request).outcome) >= strictness(decide(policy, request).outcome)


@settings(max_examples=60)
@given(requests)
def test_the_shipped_policy_changes_nothing_that_runs_unasked_outside_the_lab(request: ActionRequest) -> None:
    unasked = decide(SHIPPED, request).outcome is Outcome.act
    assert not unasked or request.action in {ActionKind.open_pull_request, ActionKind.undo}


def test_reach_is_whoever_calls_and_users_are_the_doors_they_come_in_by() -> None:
    graph = ServiceGraph([("web", "cart"), ("cart", "db"), ("mobile", "pay"), ("pay", "db")])
    asked = ActionRequest(action=ActionKind.restart, service="cart", confidence=1, severity=Severity.low)
    found = reaching(asked, graph)
    assert (found.reach, found.users) == (2, 0.5)
    everything = reaching(asked.model_copy(update={"service": "db"}), graph)
    assert (everything.reach, everything.users) == (5, 1.0)
    assert reaching(asked.model_copy(update={"service": "elsewhere"}), graph).reach is None


def test_a_reach_beyond_the_ceiling_or_unknown_is_asked_or_refused() -> None:
    rule = Rule(name="r", actions=(ActionKind.restart,), outcome=Outcome.act)
    asked = ActionRequest(action=ActionKind.restart, service="cart", confidence=1, severity=Severity.low, reach=3)
    for beyond in (Outcome.ask, Outcome.refuse):
        policy = Policy(version=1, rules=(rule,), blast_radius=Reach(services=2, beyond=beyond))
        decision = decide(policy, asked)
        assert (decision.outcome, decision.by) == (beyond, "blast radius")
        assert "it reaches 3 services, 2 being the ceiling" in decision.explanation
        assert decide(policy, asked.model_copy(update={"reach": 2})).outcome is Outcome.act
        assert decide(policy, asked.model_copy(update={"reach": None})).outcome is beyond
