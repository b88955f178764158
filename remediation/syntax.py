"""Whether a file can still be read by the language it is written in.

A file that was broken before may stay so: the gate refuses an edit that adds an error, not one that leaves an
old one. Python, JSON, YAML and TOML are read by their own parsers; the others by tree-sitter's grammars
(https://tree-sitter.github.io/), which mark what does not fit as an error and go on.
"""

from __future__ import annotations

import ast
import json
import tomllib
import warnings
from collections.abc import Callable
from importlib import import_module
from pathlib import PurePosixPath

import yaml

# File name ending -> module of the grammar, and the function in it.
_GRAMMARS = {
    ".sh": ("bash", "language"),
    ".bash": ("bash", "language"),
    ".c": ("c", "language"),
    ".h": ("cpp", "language"),
    ".cc": ("cpp", "language"),
    ".cpp": ("cpp", "language"),
    ".hpp": ("cpp", "language"),
    ".cs": ("c_sharp", "language"),
    ".go": ("go", "language"),
    ".tf": ("hcl", "language"),
    ".hcl": ("hcl", "language"),
    ".tfvars": ("hcl", "language"),
    ".java": ("java", "language"),
    ".js": ("javascript", "language"),
    ".jsx": ("javascript", "language"),
    ".mjs": ("javascript", "language"),
    ".cjs": ("javascript", "language"),
    ".php": ("php", "language_php"),
    ".py": ("python", "language"),
    ".pyi": ("python", "language"),
    ".rb": ("ruby", "language"),
    ".rs": ("rust", "language"),
    ".ts": ("typescript", "language_typescript"),
    ".tsx": ("typescript", "language_tsx"),
}


def syntax_problem(path: str, before: str | None, after: str) -> str | None:
    """What ``after`` breaks in the file ``path`` that ``before`` (None: a new file) had whole; None where nothing."""
    problem = _parse_problem(path, after)
    if problem is not None:
        broken_before = before is not None and _parse_problem(path, before) is not None
        if not broken_before:
            return problem
    elif _strictly_parsed(path):
        return None
    return _grammar_problem(path, before, after)


def is_checked(path: str) -> bool:
    """Whether the syntax of this kind of file is known here."""
    suffix = PurePosixPath(path).suffix.lower()
    return suffix in _GRAMMARS or suffix in _PARSERS


def _strictly_parsed(path: str) -> bool:
    return PurePosixPath(path).suffix.lower() in _PARSERS


def _parse_problem(path: str, text: str) -> str | None:
    parse = _PARSERS.get(PurePosixPath(path).suffix.lower())
    if parse is None:
        return None
    try:
        parse(text)
    except (SyntaxError, ValueError, yaml.YAMLError, RecursionError, MemoryError) as broken:
        return f"syntax broken: {' '.join(str(broken).split())[:200]}"
    return None


def _python(text: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an old invalid escape is not this change's doing
        ast.parse(text)


def _yaml(text: str) -> None:
    for _ in yaml.compose_all(text, Loader=yaml.SafeLoader):
        pass


_PARSERS: dict[str, Callable[[str], object]] = {
    ".py": _python,
    ".pyi": _python,
    ".json": json.loads,
    ".toml": tomllib.loads,
    ".yaml": _yaml,
    ".yml": _yaml,
}


def _grammar_problem(path: str, before: str | None, after: str) -> str | None:
    grammar = _GRAMMARS.get(PurePosixPath(path).suffix.lower())
    if grammar is None:
        return None
    now = _errors(grammar, after)
    if len(now) <= (len(_errors(grammar, before)) if before is not None else 0):
        return None
    return f"syntax broken: the {grammar[0].replace('_', '-')} grammar finds an error at line {now[0]}"


def _errors(grammar: tuple[str, str], text: str) -> list[int]:
    """Lines (from 1) at which the grammar had to give up or invent a token."""
    from tree_sitter import Language, Parser

    name, function = grammar
    language = Language(getattr(import_module(f"tree_sitter_{name}"), function)())
    tree = Parser(language).parse(text.encode("utf-8"))
    lines: list[int] = []
    pending = [tree.root_node]
    while pending:
        node = pending.pop()
        if node.is_error or node.is_missing:
            lines.append(node.start_point[0] + 1)
        elif node.has_error:
            pending.extend(node.children)
    return sorted(lines)
