"""What may be done without a person, what a person is asked, and what is refused. Read from YAML; fail closed.

    policy = load_policy(path)                # windows, freezes, tiers, rules: typed, and strict about every key
    decision = decide(policy, request)        # a pure function: the same request gets the same answer

* :mod:`.rules` is the file's shape, :mod:`.loading` reads one;
* :mod:`.decide` is the way from a rule to a Decision, :mod:`.limits` what makes it stricter on the way;
* :mod:`.windows` says when something may be changed, :mod:`.tiers` how much was earned;
* :mod:`.doubts` says what in a file is probably not meant.
"""

from remediation.policy.decide import approvals_needed, decide, matching_rule
from remediation.policy.doubts import doubts, silent
from remediation.policy.kinds import ActionKind, ActionRequest
from remediation.policy.loading import DEFAULT_POLICY, load_policy, load_policy_or_refuse
from remediation.policy.parts import strictness
from remediation.policy.reach import reaching
from remediation.policy.records import Deed, Result, TrackRecord
from remediation.policy.rules import Approvers, Budget, Policy, Reach, Rule
from remediation.policy.tiers import Standing, Tier, Tiers, standing
from remediation.policy.windows import Freeze, Window

__all__ = [
    "DEFAULT_POLICY",
    "ActionKind",
    "ActionRequest",
    "Approvers",
    "Budget",
    "Deed",
    "Freeze",
    "Policy",
    "Reach",
    "Result",
    "Rule",
    "Standing",
    "Tier",
    "Tiers",
    "TrackRecord",
    "Window",
    "approvals_needed",
    "decide",
    "doubts",
    "load_policy",
    "load_policy_or_refuse",
    "matching_rule",
    "reaching",
    "silent",
    "standing",
    "strictness",
]
