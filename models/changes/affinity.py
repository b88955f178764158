"""Whether what a change touches is what the telemetry complains of."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from data.domain import Change, ChangeKind
from models.changes.constructs import constructs_in
from models.changes.context import ChangeContext, Symptom
from models.changes.diff import Diff, numbers_in, parse_diff
from models.changes.files import acting_part
from models.changes.mechanisms import MECHANISMS, SPECIFICITY, strengths
from models.changes.outside import named_cause
from models.changes.place import suspicion
from models.changes.signal import Signal
from models.changes.words import stems, vocabulary, vocabulary_of

MECHANISM_WEIGHT, WORD_WEIGHT, IDENTIFIER_WEIGHT = 2.6, 1.2, 1.2
BOTH_NUMBERS, REMOVED_NUMBER, ONE_NUMBER = 2.0, 1.0, 0.6
SHORTEST_IDENTIFIER = 8
FOCUSED_STEMS = 10
EXPLAINED = 0.4
# How much a word counts by where the change holds it.
EDITED, LOST, GAINED, REPLACED, KEPT, PATH, SUMMARY, SUMMARY_ALONE = 1.0, 1.0, 0.6, 0.5, 0.15, 0.4, 0.2, 0.5
_IDENTIFIER = re.compile(r"[A-Za-z]+(?:[_-][A-Za-z0-9]+)+|[a-z]+(?:[A-Z][a-z0-9]+)+|(?:[A-Z][a-z0-9]+){2,}")
# The query of a URL, as web frameworks name it, is none of a database: request.query["page"], query.get("page"),
# r.URL.Query(), query_params, querystring.
_URL_QUERY = re.compile(
    r"\b(?:req|request|url|uri|ctx)\.query\b(?:\(\))?|\bquery_?(?:params?|strings?|args?|dict)\b"
    r"|\bquery(?=(?:\.get\(|\[)\s*[\"'])",
    re.IGNORECASE,
)
# Words so common in code and logs that meeting in both says nothing.
_COMMON = vocabulary(
    "the a an of to for from in is on at by and or not with it its as be has had after before error errors request "
    "response service server client http https func function return returned string int context code value data "
    "type new get set post put name id key status call called failed failing message info warn warning log logger "
    "rose fell second seconds millisecond total count ratio rate percent average max min per p99 p95 p50 handler "
    "internal path route method result if err var const time duration latency upstream import def class public "
    "private static final self this true false user item items list order default"
)
# Words of the language in prose, of a construct in code only.
_JOINING = vocabulary("with using for while each")


@dataclass(frozen=True)
class Complaint:
    """What the symptoms of one incident say, weighed once for all changes.

    ``mechanisms``: how strongly each is spoken of, in [0, 1]; ``words``: stem -> weight of the strongest symptom that
    holds it; ``squeezed``: log and span texts without spaces and punctuation; ``levels``: the numbers metrics moved
    between; ``numbers``: every telling number in the texts.
    """

    mechanisms: Mapping[str, float]
    words: Mapping[str, float]
    squeezed: tuple[str, ...]
    levels: tuple[tuple[float, float], ...]
    numbers: frozenset[float]


def weigh_symptoms(context: ChangeContext) -> tuple[tuple[Symptom, float], ...]:
    """Each symptom with its weight in [0.1, 1]: the most abnormal of its kind, at suspected services, tell most."""
    suspects = suspicion(context)
    of_kind: dict[str, list[float]] = {}
    for symptom in context.symptoms:
        of_kind.setdefault(symptom.kind, []).append(symptom.score)
    return tuple(
        (s, (0.4 + 0.6 * _rank(s.score, of_kind[s.kind])) * (0.35 + 0.65 * suspects.get(s.service, 0.0)))
        for s in context.symptoms
    )


def _rank(score: float, others: Sequence[float]) -> float:
    """The share of ``others`` that do not exceed ``score``: scores of different kinds have no common scale."""
    return sum(other <= score for other in others) / len(others)


def complaint_of(context: ChangeContext) -> Complaint:
    """What the symptoms, and the alert itself, say is wrong."""
    # A symptom that names a cause from outside says little about changes: it is explained already.
    weighed = [
        (s, weight * (EXPLAINED if named_cause(s) else 1.0)) for s, weight in weigh_symptoms(context) if not s.is_steady
    ]
    texts = [(text_of(s), weight) for s, weight in weighed]
    texts.append((f"{context.alert.title} {context.alert.metric or ''}", 0.6))
    named = vocabulary_of([*context.service_probabilities, *context.graph.services, context.alert.service])
    words: dict[str, float] = {}
    for text, weight in texts:
        for word in set(stems(text)) - _COMMON - named:
            words[word] = max(words.get(word, 0.0), weight)
    spoken = [s.text for s in context.symptoms if s.kind != "metric"]
    moved = tuple(s.levels for s in context.symptoms if s.levels)
    return Complaint(
        strengths(texts),
        words,
        tuple(re.sub(r"[^a-z0-9]", "", f"{s.name} {s.text}".lower()) for s in context.symptoms if s.kind != "metric"),
        moved,
        frozenset(n for text in spoken for n in numbers_in(text) if _telling(n)),
    )


def text_of(symptom: Symptom) -> str:
    """The words of a symptom: a metric's are in its name, its text only says how it moved.

    A log's are in its text: its name says that it is a log, and not that logging is what is wrong.
    """
    if symptom.kind == "metric":
        return symptom.name
    return symptom.text if symptom.kind == "log" else f"{symptom.name} {symptom.text}"


@dataclass(frozen=True)
class Touched:
    """The words a change holds, by where it holds them."""

    change: Change

    @cached_property
    def diff(self) -> Diff | None:
        return parse_diff(acting_part(self.change.diff)) if self.change.diff else None

    @cached_property
    def _spoken(self) -> Diff | None:
        """The diff without words that mean something else where they stand."""
        return parse_diff(_URL_QUERY.sub("parameter", acting_part(self.change.diff))) if self.change.diff else None

    @cached_property
    def words(self) -> Mapping[str, float]:
        """Stem -> weight of the most telling place that holds it."""
        found: dict[str, float] = {}
        for weight, words in self._places():
            for word in words:
                found[word] = max(found.get(word, 0.0), weight)
        return found

    def _places(self) -> Iterable[tuple[float, Iterable[str]]]:
        diff = self._spoken
        yield SUMMARY if diff else SUMMARY_ALONE, vocabulary(_without_prefix(self.change.summary)) - _JOINING
        yield PATH, vocabulary_of(self.change.files)
        if diff is None or diff.formatting_only:
            return
        for edit in diff.edits:
            if edit.numbers:
                yield EDITED * min(1.0, edit.size / 0.5), vocabulary(edit.new)
            elif edit.replaced:
                yield REPLACED, vocabulary(edit.new)
        yield GAINED, constructs_in((*diff.removed, *diff.added))
        # A large rewrite holds words of everything by chance.
        focus = min(1.0, math.sqrt(FOCUSED_STEMS / max(len(diff.lost | diff.gained), 1)))
        yield LOST * focus, diff.lost
        yield GAINED * focus, diff.gained
        joined_lost = vocabulary_of(diff.removed) - vocabulary_of(diff.added)
        yield LOST * focus, joined_lost
        yield 1.0 if diff.moved_only else KEPT, vocabulary_of((*diff.removed, *diff.added))

    @cached_property
    def identifiers(self) -> frozenset[str]:
        if self.diff is None or self.diff.formatting_only:
            return identifiers_in(self.change.summary)
        before, after = (identifiers_in(" ".join(lines)) for lines in (self.diff.removed, self.diff.added))
        return (before ^ after) | frozenset(n for e in self.diff.edits if e.numbers for n in identifiers_in(e.new))


def identifiers_in(text: str) -> frozenset[str]:
    """The compound names in ``text`` (snake_case, kebab-case, camelCase), lower case, separators dropped."""
    return frozenset(re.sub(r"[_-]", "", name).lower() for name in _IDENTIFIER.findall(text))


def rarity(touched: Sequence[Touched]) -> Mapping[str, float]:
    """For each stem, how few of the changes hold it, in [0, 1]: what every change holds singles none out."""
    held = Counter(word for one in touched for word, weight in one.words.items() if weight > KEPT)
    most = math.log(1 + max(len(touched), 2))
    return {word: math.log((1 + max(len(touched), 2)) / (1 + n)) / most + 0.2 for word, n in held.items()}


def affinity_signals(
    touched: Touched, complaint: Complaint, rare: Mapping[str, float], near: float = 1.0
) -> list[Signal]:
    """Evidence from what the change and the symptoms have in common.

    Args:
        near: how far common words and mechanisms count, in [0, 1], by where the change acts. Rare identifiers and
            numbers, which do not meet by chance, count fully wherever it does.
    """
    if touched.change.kind is ChangeKind.deploy:
        return []
    return [
        signal
        for signal in (
            _mechanisms(touched, complaint, near)._replace(family="mechanisms"),
            _words(touched, complaint, rare, near)._replace(family="words"),
            _identifiers(touched, complaint)._replace(family="identifiers"),
            _numbers(touched, complaint)._replace(family="numbers"),
        )
        if signal.weight
    ]


def mechanism_touch(words: Mapping[str, float], mechanism_words: frozenset[str]) -> float:
    """How much a change touches a mechanism, in [0, 1): saturating in the words it holds of it."""
    touch = sum(weight * SPECIFICITY[word] for word, weight in words.items() if word in mechanism_words)
    return 1.0 - math.exp(-1.4 * touch)


def _mechanisms(touched: Touched, complaint: Complaint, near: float) -> Signal:
    shared = {
        m.name: complaint.mechanisms.get(m.name, 0.0) * mechanism_touch(touched.words, m.touches) for m in MECHANISMS
    }
    best = sorted(shared, key=lambda name: (-shared[name], name))[:2]
    value = shared[best[0]] + 0.4 * shared[best[1]]
    if value < 0.05:
        return Signal(0.0, "")
    return Signal(MECHANISM_WEIGHT * near * min(value, 1.2), f"it touches {best[0]}, and so do the symptoms")


def _words(touched: Touched, complaint: Complaint, rare: Mapping[str, float], near: float) -> Signal:
    shared = {
        word: weight * complaint.words[word] * rare.get(word, 0.2)
        for word, weight in touched.words.items()
        if word in complaint.words and weight > KEPT and len(word) > 2 and word.isalpha()
    }
    if not shared:
        return Signal(0.0, "")
    best = sorted(shared, key=lambda word: (-shared[word], word))[:3]
    return Signal(
        WORD_WEIGHT * near * (1.0 - math.exp(-sum(shared.values()))),
        f"it shares words with the symptoms: {', '.join(best)}",
    )


def _identifiers(touched: Touched, complaint: Complaint) -> Signal:
    shared = sorted(
        name
        for name in touched.identifiers
        if len(name) >= SHORTEST_IDENTIFIER and any(name in text for text in complaint.squeezed)
    )
    return Signal(IDENTIFIER_WEIGHT if shared else 0.0, f"the symptoms name {', '.join(shared[:3])}, which it changes")


def _numbers(touched: Touched, complaint: Complaint) -> Signal:
    for old, new in (pair for e in (touched.diff.edits if touched.diff else ()) for pair in e.numbers):
        if any(_near(old, before) and _near(new, after) for before, after in complaint.levels):
            return Signal(BOTH_NUMBERS, f"a metric moved from {old:g} to {new:g}, as this change's value did")
        if _telling(new) and any(math.isclose(new, n, rel_tol=1e-6) for n in complaint.numbers):
            return Signal(ONE_NUMBER, f"the symptoms name the number {new:g}, which it sets")
    for number in _numbers_removed(touched.diff):
        if number in complaint.numbers:
            return Signal(REMOVED_NUMBER, f"the symptoms name the number {number:g}, which it removes")
    return Signal(0.0, "")


def _numbers_removed(diff: Diff | None) -> tuple[float, ...]:
    """The telling numbers in lines removed that no added line holds."""
    if diff is None:
        return ()
    before, after = ({n for line in lines for n in numbers_in(line)} for lines in (diff.removed, diff.added))
    return tuple(sorted(n for n in before - after if _telling(n)))


def _near(value: float, level: float) -> bool:
    return math.isclose(value, level, rel_tol=0.02)


def _telling(number: float) -> bool:
    """Whether a number is unusual enough for meeting it twice to mean something."""
    return number > 2 and number not in (10.0, 100.0, 200.0, 400.0, 404.0, 500.0, 502.0, 503.0, 504.0, 1000.0)


def _without_prefix(summary: str) -> str:
    return re.sub(r"^\w+(\([^)]*\))?!?:\s*", "", summary)
