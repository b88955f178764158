"""How severe a report sounds: experts for kinds of reports, mixed by which kind the report reads like.

An expert weighs three levels (the worst of its kind, the middle, the harmless), each against the rest with a linear
model whose terms can be shown; normalised, that gives probabilities of all four severities. The severity named is not
simply the likeliest: bad incidents are rare, and naming none of them would be right most of the time and useless. It
is the one with the highest ``probability / usual share ** 0.5``: half-way between the likeliest, which forgets the
rare, and the most surprising, which cries wolf.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from data.domain import Severity
from data.reports import Report
from models.severity.linear import Features, Linear
from models.severity.words import features

Probabilities = dict[Severity, float]


class Level(StrEnum):
    """What an expert tells apart; which severity the worst is depends on the kind of report."""

    worst = "critical or high"
    middle = "medium"
    harmless = "low"


LEVEL = {
    Severity.critical: Level.worst,
    Severity.high: Level.worst,
    Severity.medium: Level.middle,
    Severity.low: Level.harmless,
}
RARITY = 0.5
# What a stated severity adds to the log-odds of its level: its sender is right more often than not, and no more is
# known, for no data holds both a monitor's word and what became of the incident. An assumption, not learned.
STATED_LOG_ODDS = 1.5
_STATED = {
    **dict.fromkeys(("critical", "page", "fatal", "emergency", "p1", "sev1", "1"), Severity.critical),
    **dict.fromkeys(("error", "high", "major", "p2", "sev2", "2"), Severity.high),
    **dict.fromkeys(("warning", "warn", "medium", "minor", "moderate", "p3", "sev3", "3"), Severity.medium),
    **dict.fromkeys(("info", "informational", "low", "none", "notice", "p4", "p5", "sev4", "4", "5"), Severity.low),
}  # fmt: skip
_LEAST = 1e-4
_SAYS_NOTHING = 0.005


@dataclass(frozen=True)
class Term:
    """One thing that moved the score: ``log_odds`` above zero speak for the level or severity ``of``."""

    name: str
    of: str
    log_odds: float


@dataclass(frozen=True)
class Assessment:
    """How severe a report is. ``probabilities`` sum to one; ``terms`` hold all that went in, strongest first.

    ``reads_like`` is the share of each expert in the answer.
    """

    severity: Severity
    probabilities: Probabilities
    terms: tuple[Term, ...]
    reads_like: Mapping[str, float]


@dataclass(frozen=True)
class Expert:
    """What is known of one kind of report.

    Attributes:
        usual: the share of each severity among such reports.
        levels: tells each level from the other two.
    """

    usual: Probabilities
    levels: Mapping[Level, Linear]

    def probabilities(self, said: Features) -> Probabilities:
        odds = {level: linear.probability(said) for level, linear in self.levels.items()}
        whole = math.fsum(odds.values())
        among = {level: math.fsum(p for s, p in self.usual.items() if LEVEL[s] is level) for level in Level}
        return {s: odds[LEVEL[s]] / whole * share / among[LEVEL[s]] for s, share in self.usual.items()}

    def as_json(self) -> dict[str, Any]:
        usual = {severity.value: share for severity, share in self.usual.items()}
        levels = {level.name: linear.as_json() for level, linear in self.levels.items()}
        return {"usual": usual, "words": self.levels[Level.worst].words, "levels": levels}

    @classmethod
    def from_json(cls, state: Mapping[str, Any]) -> Expert:
        return cls(
            {severity: float(state["usual"][severity.value]) for severity in Severity},
            {level: Linear.from_json(state["words"], state["levels"][level.name]) for level in Level},
        )


@dataclass(frozen=True)
class SeverityModel:
    """Two experts, and which of them a report should be read by.

    Attributes:
        rules: reads what a monitor's author wrote: short, about one condition.
        incidents: reads what people write to the public once something is wrong.
        is_rule: tells the two apart by their words.
    """

    rules: Expert
    incidents: Expert
    is_rule: Linear

    def assess(self, report: Report) -> Assessment:
        """How severe ``report`` sounds, and every term of that."""
        said = features(report)
        # A query settles it: only monitors have one.
        rule = 1.0 if report.expression else self.is_rule.probability(said)
        shares = {"rules": rule, "incidents": 1.0 - rule}
        experts = [(share, self._expert(name)) for name, share in shares.items()]
        probabilities = _mixed([(share, expert.probabilities(said)) for share, expert in experts])
        usual = _mixed([(share, expert.usual) for share, expert in experts])
        terms = [term for name, share in shares.items() for term in self._terms(name, share, said)]
        stated = _STATED.get(report.stated)
        if stated is not None:
            probabilities = _raised(probabilities, stated)
            terms.append(Term(f"its sender called it {report.stated}", stated.value, STATED_LOG_ODDS))
        terms.sort(key=lambda term: (-abs(term.log_odds), term.of, term.name))
        return Assessment(named(probabilities, usual), probabilities, tuple(terms), shares)

    def _expert(self, name: str) -> Expert:
        return self.rules if name == "rules" else self.incidents

    def _terms(self, name: str, share: float, said: Features) -> Sequence[Term]:
        """The expert's terms, each by the share the expert has in the answer; an expert without a say has none."""
        if share < _SAYS_NOTHING:
            return ()
        found = []
        for level, linear in self._expert(name).levels.items():
            found.append(Term(f"usual for {name}", level.value, round(share * linear.bias, 4)))
            added = {word: round(share * value, 4) for word, value in linear.terms(said).items()}
            found += [Term(word, level.value, value) for word, value in added.items() if value]
        return found

    def as_json(self) -> dict[str, Any]:
        is_rule = {"words": self.is_rule.words, **self.is_rule.as_json()}
        return {"rules": self.rules.as_json(), "incidents": self.incidents.as_json(), "is_rule": is_rule}

    @classmethod
    def from_json(cls, state: Mapping[str, Any]) -> SeverityModel:
        return cls(
            rules=Expert.from_json(state["rules"]),
            incidents=Expert.from_json(state["incidents"]),
            is_rule=Linear.from_json(state["is_rule"]["words"], state["is_rule"]),
        )


def named(probabilities: Probabilities, usual: Probabilities) -> Severity:
    """The severity to name, by the rule at the head of this module; the worst splits into its likelier half."""
    given, expected = _by_level(probabilities), _by_level(usual)
    level = max(Level, key=lambda level: given[level] / max(expected[level], _LEAST) ** RARITY)
    return max((s for s in Severity if LEVEL[s] is level), key=probabilities.__getitem__)


def _by_level(probabilities: Probabilities) -> dict[Level, float]:
    return {level: math.fsum(p for s, p in probabilities.items() if LEVEL[s] is level) for level in Level}


def _mixed(parts: Sequence[tuple[float, Probabilities]]) -> Probabilities:
    return {severity: math.fsum(share * p[severity] for share, p in parts) for severity in Severity}


def _raised(probabilities: Probabilities, stated: Severity) -> Probabilities:
    """The probabilities once a sender's word for ``stated`` is taken in."""
    odds = {s: max(p, _LEAST) * (math.exp(STATED_LOG_ODDS) if s is stated else 1.0) for s, p in probabilities.items()}
    whole = math.fsum(odds.values())
    return {severity: value / whole for severity, value in odds.items()}
