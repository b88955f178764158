"""What was changed shortly before the trouble began: a service somebody just touched is a likelier cause.

Changes are behind about 70 % of outages (Beyer et al., Site Reliability Engineering, 2016, chapter 1), so that a
recent one is evidence about its service even before anybody reads it. It is weak evidence: most changes are
harmless, and it is never shown to whoever judges the changes themselves, for whom it would count twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from data.domain import Change, ChangeKind, EvidenceKind
from models.base import Channel, Finding
from models.features import Period

# Trouble made by a change shows within minutes to tens of minutes: half the weight after this long.
HALF_LIFE = timedelta(minutes=15)
LOOK_BACK = timedelta(hours=2)
# The strength of a change made the moment the trouble began. Infrastructure events are mostly routine.
STRENGTH = {ChangeKind.infrastructure: 3.0}
USUAL_STRENGTH = 6.0


def recent_changes(changes: Sequence[Change], period: Period) -> list[Finding]:
    """The changes to each service in the two hours before the onset, those close to it strongest.

    A commit counts when it is deployed, if a deploy of it is known; changes that name no service are left out.
    """
    deployed = {change.commit for change in changes if change.kind is ChangeKind.deploy}
    found = []
    for change in changes:
        if change.service is None or (change.kind is ChangeKind.commit and change.id in deployed):
            continue
        # What was made while the onset is in doubt may have made it.
        ago = max(period.onset - change.timestamp, timedelta(0))
        if change.timestamp > period.onset or ago > LOOK_BACK:
            continue
        score = STRENGTH.get(change.kind, USUAL_STRENGTH) * 0.5 ** (ago / HALF_LIFE)
        found.append(_finding(change.service, change, score, ago))
    return sorted(found, key=lambda f: (-f.score, f.service, f.text))


def _finding(service: str, change: Change, score: float, ago: timedelta) -> Finding:
    what = f" ({change.summary[:80]})" if change.summary else ""
    text = f"{change.kind.value} {change.id[:12]} of {service}{what} came {ago.total_seconds() / 60:.0f} min before"
    detail = {"change": change.id}
    return Finding(
        service, Channel.changed, score, EvidenceKind.change, text, "changes", None, change.timestamp, detail
    )
