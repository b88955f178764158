"""Text and code cut into comparable words: ``maxIdleConns``, ``max_idle_conns`` and "idle connections" meet."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from itertools import pairwise

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_WORD = re.compile(r"[A-Za-z]+|\d+xx|[45]\d\d(?!\d)")
# Abbreviations that code uses for the words that people and logs use.
_ABBREVIATIONS = {
    "auth": "authorization",
    "authz": "authorization",
    "cert": "certificate",
    "certs": "certificate",
    "cfg": "config",
    "conf": "config",
    "configuration": "config",
    "conn": "connection",
    "conns": "connection",
    "ctx": "context",
    "creds": "credential",
    "db": "database",
    "dir": "directory",
    "env": "environment",
    "err": "error",
    "errs": "error",
    "exc": "exception",
    "idx": "index",
    "indexes": "index",
    "indices": "index",
    "mem": "memory",
    "msg": "message",
    "msgs": "message",
    "nil": "null",
    "undefined": "null",
    "param": "parameter",
    "params": "parameter",
    "perms": "permission",
    "req": "request",
    "reqs": "request",
    "resp": "response",
    "svc": "service",
    "sync": "lock",
    "mutex": "lock",
    "tmp": "temporary",
    "tz": "timezone",
    "ssl": "tls",
}
_SUFFIXES = ("ations", "ation", "ings", "ing", "ions", "ion", "ied", "ies", "ed", "es", "ers", "er", "s")
_SHORTEST_STEM = 3


@lru_cache(maxsize=16_384)
def stem(word: str) -> str:
    """A crude stem, the same for the forms of one word: cache, caches, cached, caching -> cach."""
    word = _ABBREVIATIONS.get(word.lower(), word.lower())
    for suffix in _SUFFIXES:
        if word.endswith(suffix) and len(word) - len(suffix) >= _SHORTEST_STEM and not word.endswith("ss"):
            word = word[: -len(suffix)] + ("y" if suffix in ("ies", "ied") else "")
            break
    return word[:-1] if word.endswith("e") and len(word) > _SHORTEST_STEM else word


@lru_cache(maxsize=16_384)
def raw_words(text: str) -> tuple[str, ...]:
    """The words of ``text`` in order, lower case, split at punctuation and at changes of case. No numbers."""
    return tuple(word.lower() for word in _WORD.findall(_CAMEL.sub(" ", text)))


@lru_cache(maxsize=16_384)
def stems(text: str) -> tuple[str, ...]:
    """The stems of ``text``, in order."""
    return tuple(stem(word) for word in raw_words(text))


@lru_cache(maxsize=16_384)
def vocabulary(text: str) -> frozenset[str]:
    """The stems of ``text``, and those of neighbouring words written as one: "time out" also holds "timeout"."""
    words = raw_words(text)
    joined = (a + b for a, b in pairwise(words))
    return frozenset(stem(word) for word in (*words, *joined))


def vocabulary_of(texts: Iterable[str]) -> frozenset[str]:
    """The union of the vocabularies of ``texts``."""
    return frozenset().union(*(vocabulary(text) for text in texts))
