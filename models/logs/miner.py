"""Templates of a stream of messages, in one pass and bounded memory.

Every message gets the number of its *leaf*, the shape it had when it was read. Which leaves are one template is
decided when that is asked for, and whenever there are too many shapes to keep: a merged leaf points at the one it
became part of, so numbers given out earlier stay good.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from models.logs.masking import WILD, Shape, mask_digits, shape_of, written
from models.logs.merging import DEFAULT_RULES, MergeRules, Tokens, merge

# Shapes kept at a time. Merging compares them all, which takes about a second for this many.
MAX_SHAPES = 5_000
# Messages and masked messages remembered so as not to look at the like again.
MAX_REMEMBERED = 50_000
# Longer messages are dumps; their beginning tells which.
MAX_LENGTH = 2_000
# Where shapes that are still too many after merging go, those longest unused first.
_OTHER = Shape((WILD,), (False,))


class TemplateMiner:
    """Give it messages one by one; ask for their templates at any time."""

    def __init__(self, *, max_shapes: int = MAX_SHAPES, rules: MergeRules = DEFAULT_RULES) -> None:
        self._max_shapes = max_shapes
        self._rules = rules
        self._by_message: dict[str, int] = {}
        self._by_masked: dict[str, int] = {}
        self._live: dict[Tokens, int] = {}
        self._shape: list[Shape] = []
        self._into: list[int] = []

    def __len__(self) -> int:
        """How many leaves have been given out."""
        return len(self._shape)

    def add(self, message: str) -> int:
        """The leaf of ``message``. Leaves count from 0 in the order they are first seen."""
        leaf = self._by_message.get(message)
        if leaf is None:
            leaf = self._leaf_of_new(message)
            if len(self._by_message) >= MAX_REMEMBERED:
                self._by_message.clear()
            self._by_message[message] = leaf
        return leaf

    def templates(self) -> list[Shape]:
        """The template of each leaf, in the order of leaves. Asking changes nothing that is counted."""
        live = merge((self._shape[leaf] for leaf in self._live.values()), self._rules)
        return [live[self._shape[self._root(leaf)].tokens] for leaf in range(len(self._shape))]

    def _leaf_of_new(self, message: str) -> int:
        masked = mask_digits(message[:MAX_LENGTH].strip())
        leaf = self._by_masked.get(masked)
        if leaf is None:
            leaf = self._leaf_of_shape(shape_of(masked))
            if len(self._by_masked) >= MAX_REMEMBERED:
                self._by_masked.clear()
            self._by_masked[masked] = leaf
        return leaf

    def _leaf_of_shape(self, shape: Shape) -> int:
        if shape.tokens not in self._live and len(self._live) >= self._max_shapes:
            self._consolidate()
        # Taken out and put back: the dictionary's order is that of last use.
        leaf = self._live.pop(shape.tokens, None)
        self._live[shape.tokens] = self._new_leaf(shape) if leaf is None else leaf
        return self._live[shape.tokens]

    def _new_leaf(self, shape: Shape) -> int:
        self._shape.append(shape)
        self._into.append(len(self._into))
        return len(self._shape) - 1

    def _consolidate(self) -> None:
        """Keep templates in place of shapes; if those are too many as well, the half used last."""
        template = merge((self._shape[leaf] for leaf in self._live.values()), self._rules)
        kept: dict[Tokens, int] = {}
        for tokens, leaf in reversed(self._live.items()):
            self._move(leaf, template[tokens], kept)
        for tokens in list(kept)[self._max_shapes // 2 :]:
            if tokens != _OTHER.tokens:
                self._move(kept.pop(tokens), _OTHER, kept)
        self._live = dict(reversed(kept.items()))
        self._by_message.clear()
        self._by_masked.clear()

    def _move(self, leaf: int, shape: Shape, kept: dict[Tokens, int]) -> None:
        if shape.tokens not in kept:
            kept[shape.tokens] = leaf if self._shape[leaf].tokens == shape.tokens else self._new_leaf(shape)
        self._into[leaf] = kept[shape.tokens]
        # What a leaf was before is not needed any more: without it, a leaf is two numbers.
        self._shape[leaf] = shape

    def _root(self, leaf: int) -> int:
        while self._into[leaf] != leaf:
            self._into[leaf] = self._into[self._into[leaf]]
            leaf = self._into[leaf]
        return leaf


def template_id(shape: Shape) -> str:
    """The same for the same template in any file: twelve hexadecimal digits."""
    return hashlib.sha256("\x1f".join(shape.tokens).encode("utf-8", "surrogatepass")).hexdigest()[:12]


def templates_of(messages: Iterable[str], rules: MergeRules = DEFAULT_RULES) -> dict[str, str]:
    """The template of each distinct message, written for people."""
    miner = TemplateMiner(rules=rules)
    leaves = {message: miner.add(message) for message in messages}
    texts = [written(shape) for shape in miner.templates()]
    return {message: texts[leaf] for message, leaf in leaves.items()}
