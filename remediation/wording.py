"""What is said about each kind of remedy: its risk, how to undo it, how to see that it took hold."""

from __future__ import annotations

from dataclasses import dataclass

from data.proposal import (
    ApplyPatch,
    FlagOff,
    Restart,
    RevertCommit,
    RevertConfig,
    RollbackDeploy,
    Scale,
    ScaleDown,
    SolutionType,
    Tune,
)
from remediation.choice import Choice
from remediation.text import plain


@dataclass(frozen=True)
class Wording:
    """The parts of a solution that depend on the remedy alone."""

    type: SolutionType
    summary: str
    rollback: str
    risk: str
    check: str
    follow_up: str


def of(choice: Choice) -> Wording:
    """How to speak of this choice's remedy."""
    match choice.remedy:
        case RevertCommit():
            return _revert_commit(choice, choice.remedy)
        case RevertConfig():
            return _revert_config(choice.remedy)
        case RollbackDeploy():
            return _rollback_deploy(choice, choice.remedy)
        case FlagOff():
            return _flag_off(choice.remedy)
        case Scale():
            return _scale(choice.remedy)
        case ScaleDown():
            return _scale_down(choice.remedy)
        case Restart():
            return _restart(choice.remedy)
        case Tune():
            return _tune(choice.remedy)
        case ApplyPatch():
            return _apply_patch(choice.remedy)


def _revert_commit(choice: Choice, remedy: RevertCommit) -> Wording:
    short = remedy.commit[:12]
    title = f" (“{plain(choice.change.summary, 100)}”)" if choice.change and choice.change.summary else ""
    return Wording(
        type=SolutionType.rollback,
        summary=f"Revert commit {short}{title} and deploy the result.",
        rollback=f"Revert this pull request's merge commit (git revert -m 1 MERGE) to bring {short} back; deploy.",
        risk=f"What {short} was meant to bring is lost until it is made again; later commits may rely on it, so let "
        "the repository's own tests pass first. Data written in the meantime is not changed back.",
        check=f"The deployed version contains the revert of {short}.",
        follow_up=f"Make the change of {short} again with a test that fails on what went wrong here.",
    )


def _rollback_deploy(choice: Choice, remedy: RollbackDeploy) -> Wording:
    of_service = f" of {plain(remedy.service, 80)}" if remedy.service else ""
    change = plain(remedy.change_id, 80)
    version = f" (version {plain(choice.change.version, 60)})" if choice.change and choice.change.version else ""
    return Wording(
        type=SolutionType.rollback,
        summary=f"Roll back deploy {change}{version}{of_service} to the version before it.",
        rollback=f"Deploy the version of {change} again.",
        risk="All of that deploy is lost, not only the faulty part; check that no data migration forbids it.",
        check=f"All instances{of_service} run the version from before {change}.",
        follow_up="Record the commit with each deploy, so that the commit alone can be reverted.",
    )


def _revert_config(remedy: RevertConfig) -> Wording:
    of_service = f" of {plain(remedy.service, 80)}" if remedy.service else ""
    change = plain(remedy.change_id, 80)
    return Wording(
        type=SolutionType.config_change,
        summary=f"Put configuration change {change}{of_service} back to its former value.",
        rollback=f"Apply configuration change {change} again.",
        risk="The former value may no longer suit today's load or other settings; some services read it only at start.",
        check=f"Every instance{of_service} has the former value in force.",
        follow_up="Validate this setting before it is rolled out, and roll it out to one instance first.",
    )


def _flag_off(remedy: FlagOff) -> Wording:
    flag = plain(remedy.flag, 80)
    return Wording(
        type=SolutionType.config_change,
        summary=f"Return feature flag {flag} to its state before the incident.",
        rollback=f"Set feature flag {flag} to its present state again.",
        risk=f"Users lose what {flag} switched; state written under the flag stays as it is.",
        check=f"Every instance evaluates {flag} to its former state.",
        follow_up=f"Roll {flag} out to a small share first, with an alert on the indicators named above.",
    )


def _scale(remedy: Scale) -> Wording:
    service = plain(remedy.service, 80)
    return Wording(
        type=SolutionType.scaling_action,
        summary=f"Add capacity to {service}{_sized(remedy)}: {remedy.reason}.",
        rollback=f"Return {service} to its former number of instances once demand is back to normal.",
        risk="More instances cost more and put more connections on what the service calls; check its databases' "
        "limits. It does not help if the bottleneck lies further down.",
        check=f"The new instances of {service} are ready and take requests.",
        follow_up=f"Review the autoscaling limits of {service} against this peak.",
    )


def _scale_down(remedy: ScaleDown) -> Wording:
    service = plain(remedy.service, 80)
    what = f"Stop {service}" if remedy.replicas == 0 else f"Take capacity from {service}{_sized(remedy)}"
    return Wording(
        type=SolutionType.scaling_action,
        summary=f"{what}: {remedy.reason}.",
        rollback=f"Give {service} back what it had; note the present sizes before changing them.",
        risk="A peak higher than any that was seen finds less room. Take it away in steps.",
        check=f"{service} runs with the new sizes, and its latency and errors in the busiest hour are as before.",
        follow_up=f"Set an alert on the saturation of {service} before it is made smaller.",
    )


def _sized(remedy: Scale | ScaleDown) -> str:
    """What it should have, such as `` (to 3 instances)``; nothing where that is not known."""
    parts = [f"{remedy.replicas} instances"] if remedy.replicas is not None else []
    parts += [f"{remedy.cpu_cores:g} CPU cores each"] if remedy.cpu_cores is not None else []
    parts += [f"{remedy.memory_mib:g} MiB of memory each"] if remedy.memory_mib is not None else []
    return f" (to {', '.join(parts)})" if parts else ""


def _tune(remedy: Tune) -> Wording:
    service = plain(remedy.service, 80)
    undo = {
        "index": "Drop the index again.",
        "query": "Revert the merge commit of the change.",
        "pool": "Set the pool to its former size.",
        "cache": "Set the cache to its former size.",
    }
    is_code = remedy.what == "query"
    return Wording(
        type=SolutionType.code_fix if is_code else SolutionType.config_change,
        summary=f"Change the {remedy.what} of {service}: {remedy.reason}.",
        rollback=undo[remedy.what],
        risk="What was seen suggests it; only who knows the service can say that nothing else depends on it.",
        check=f"The change is in force in every instance of {service}, and the figures named above have moved.",
        follow_up=f"Measure {service} before and after, at the same hour of the same day of the week.",
    )


def _restart(remedy: Restart) -> Wording:
    service = plain(remedy.service, 80)
    return Wording(
        type=SolutionType.scaling_action,
        summary=f"Restart the instances of {service} one at a time: {remedy.reason}.",
        rollback="A restart cannot be undone; stop after the first instance if it does not come back healthy.",
        risk="Requests in flight and state held in memory are lost. It buys time and cures nothing: the resource will "
        "run out again until the leak is found. Take a heap or thread dump first.",
        check=f"Every instance of {service} has started anew and is healthy.",
        follow_up=f"Find what {service} holds on to; compare a dump from before the restart with a fresh one.",
    )


def _apply_patch(remedy: ApplyPatch) -> Wording:
    service = plain(remedy.service, 80)
    return Wording(
        type=SolutionType.code_fix,
        summary=f"Patch {service} by the changes below.",
        rollback="Revert the merge commit of this pull request.",
        risk="A language model drafted the patch and rules held it; only a reader can judge what it intends.",
        check=f"Every instance of {service} runs the merge commit.",
        follow_up="Add a test that fails without this patch.",
    )
