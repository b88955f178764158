"""Which shapes are one template: those that differ only where a variable stands.

A place is a variable if many different words stand there while everything around it is the same; two or three
words in one place are as likely two or three templates ("open", "close"). Merging goes in rounds until nothing
changes:

1. shapes alike but for one word (:func:`_one_word_apart`), with what was learnt of a place carried to like places:
   whoever varies after "user" in one message does so in another;
2. families that differ in several places at once (:func:`_families`): shapes of one length are divided, as IPLoM
   does (Makanju et al., KDD 2009), by the place with the fewest words, until every place that is left is either
   the same or a variable, and enough of it is the same, as Drain asks (He et al., ICWS 2017).
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from models.logs.masking import SEPARATORS, WILD, Shape, collapse, is_word

Tokens = tuple[str, ...]


@dataclass(frozen=True)
class MergeRules:
    """How many different words make a place a variable. The defaults hold for every system (docs/logs.md)."""

    words: int = 4
    # The first word is mostly a verb or a component.
    first_words: int = 16
    # Of the words of a family, the share that must be the same in all of its members.
    same_share: float = 0.5
    max_rounds: int = 12


DEFAULT_RULES = MergeRules()
# Lower-case words joined by dots, dashes and the like name things (hosts, files) rather than say something.
_NAME = re.compile(r"[a-z]+(?:[._/\\$~+-][a-z]+)+\.?")
# Before these words stands too much for what follows one to tell of what follows the next.
_TOO_COMMON = frozenset(
    ("a", "an", "and", "are", "as", "at", "be", "by", "for", "in", "is", "it", "no", "not", "of", "on", "or", "the",
     "to", "was", "were", "with")
)  # fmt: skip


def merge(shapes: Iterable[Shape], rules: MergeRules = DEFAULT_RULES) -> dict[Tokens, Shape]:
    """The template of each shape, by its tokens. Depends on the set of shapes only, not on their order."""
    template = {shape.tokens: shape for shape in shapes}
    slots: dict[Tokens, set[str]] = defaultdict(set)
    for _ in range(rules.max_rounds):
        current = {shape.tokens for shape in template.values()}
        changed = _one_word_apart(current, slots, rules) or _families(current, rules)
        if not changed:
            break
        template = {
            tokens: collapse(changed[shape.tokens], shape.spaced) if shape.tokens in changed else shape
            for tokens, shape in template.items()
        }
    return template


def _one_word_apart(current: set[Tokens], slots: dict[Tokens, set[str]], rules: MergeRules) -> dict[Tokens, Tokens]:
    places: dict[tuple[int, Tokens], set[str]] = defaultdict(set)
    for tokens in current:
        for i, token in enumerate(tokens):
            if is_word(token):
                places[i, (*tokens[:i], WILD, *tokens[i + 1 :])].add(token)
    found = [
        (-_variety(words), i, merged, words)
        for (i, merged), words in places.items()
        if _varies_at(i, merged, words, merged in current, slots, rules)
    ]
    changed: dict[Tokens, Tokens] = {}
    for less_variety, i, merged, words in sorted(found, key=lambda place: place[:3]):
        for word in words:
            changed.setdefault((*merged[:i], word, *merged[i + 1 :]), merged)
        if i and -less_variety >= rules.words:
            slots[_slot(merged, i)] |= words
    return changed


def _varies_at(
    i: int, merged: Tokens, words: set[str], known: bool, slots: dict[Tokens, set[str]], rules: MergeRules
) -> bool:
    """Whether ``words`` at place ``i`` are values. ``known``: a value with digits, say, has been seen there."""
    if len(words) + known < 2 or not any(map(is_word, merged)):
        return False
    if i == 0:
        return _variety(words) + known >= rules.first_words
    if known or _variety(words) >= rules.words:
        return True
    slot = _slot(merged, i)
    values = slots.get(slot, set())
    return words <= values or (len(values) >= rules.words and slot[0].lower() not in _TOO_COMMON)


def _slot(merged: Tokens, i: int) -> Tokens:
    """What stands before the place: a word, or a key and its separator."""
    return merged[i - 1 : i] if is_word(merged[i - 1]) else merged[max(0, i - 2) : i]


def _variety(words: Iterable[str]) -> int:
    """How many different words; names of things count double."""
    return sum(2 if _NAME.fullmatch(word) else 1 for word in words)


def _families(current: set[Tokens], rules: MergeRules) -> dict[Tokens, Tokens]:
    by_length: dict[int, list[Tokens]] = defaultdict(list)
    for tokens in current:
        by_length[len(tokens)].append(tokens)
    changed: dict[Tokens, Tokens] = {}
    todo = list(by_length.values())
    while todo:
        group = todo.pop()
        if len(group) < 2:
            continue
        columns = [set(column) for column in zip(*group, strict=True)]
        if _is_family(columns, len(group), rules):
            merged = tuple(WILD if len(column) > 1 else min(column) for column in columns)
            changed.update({tokens: merged for tokens in group if tokens != merged})
        else:
            todo.extend(_divided(group, columns))
    return changed


def _is_family(columns: list[set[str]], size: int, rules: MergeRules) -> bool:
    with_words = [column for column in columns if any(map(is_word, column))]
    same = sum(len(column) == 1 for column in with_words)
    # The more members, the more words chance alone puts in a place.
    least = max(rules.words, math.log2(size))
    return same >= max(1.0, rules.same_share * len(with_words)) and all(
        not column & SEPARATORS and _variety(column) >= (max(rules.first_words, least) if place == 0 else least)
        for place, column in enumerate(columns)
        if len(column) > 1
    )


def _divided(group: list[Tokens], columns: list[set[str]]) -> list[list[Tokens]]:
    """By separators first, for they are never values; then by the place with the fewest different words."""
    differing = [i for i, column in enumerate(columns) if len(column) > 1]
    place = min(differing, key=lambda i: (not columns[i] & SEPARATORS, len(columns[i]), i))
    parts: dict[str, list[Tokens]] = defaultdict(list)
    for tokens in group:
        parts[tokens[place]].append(tokens)
    return list(parts.values())
