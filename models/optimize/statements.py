"""Which spans are database statements, and what a statement looks like without its values."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import pandas as pd

# OpenTelemetry's names, old and new, and those that tables flatten them to.
_TEXT = ("db.query.text", "db.statement", "db_query_text", "db_statement", "statement", "sql")
_SYSTEM = ("db.system.name", "db.system", "db_system", "db.name", "db_name")
_RETURNED = ("db.response.returned_rows", "db_response_returned_rows", "rows_returned", "returned_rows", "db.rows")
_READ = ("db.rows_examined", "rows_examined", "rows_read", "db.rows_read", "docs_examined")

_VERB = re.compile(r"\s*(select|insert|update|delete|merge|upsert|with|replace|find|aggregate)\b", re.IGNORECASE)
_LITERAL = re.compile(r"'(?:[^']|'')*'|\b\d+(?:\.\d+)?\b|\$\d+|%s|:\w+|\?")
_LIST = re.compile(r"\(\s*\?(?:\s*,\s*\?)*\s*\)")
_NAME = r"[\"`]?[A-Za-z_][\w$.]*[\"`]?"
_FROM = re.compile(rf"\b(?:from|update|into)\s+({_NAME})", re.IGNORECASE)
_WHERE = re.compile(r"\bwhere\b(.*?)(?:\bgroup\s+by\b|\border\s+by\b|\blimit\b|\bfor\s+update\b|$)", re.I | re.S)
_COMPARED = re.compile(rf"({_NAME})\s*(?:=|<=|>=|<|>|\bin\b|\bbetween\b|\blike\b|\bis\b)", re.IGNORECASE)


def with_statements(spans: pd.DataFrame) -> pd.DataFrame:
    """The span table with ``statement`` (None where a span is no query), ``returned`` and ``read`` rows (NaN unknown).

    Statements are without values, so that the same query is one statement whatever it asked for.
    """
    attributes = _attributes(spans)
    text = _first(spans, attributes, _TEXT)
    system = _first(spans, attributes, _SYSTEM)
    operation = spans["operation"].fillna("").astype(str)
    is_query = text.notna() | system.notna() | operation.str.match(_VERB)
    statement = text.where(text.notna(), operation).where(is_query).map(normal, na_action="ignore")
    return spans.assign(
        statement=statement.astype(object).where(statement.notna(), None),
        returned=pd.to_numeric(_first(spans, attributes, _RETURNED), errors="coerce").astype(float),
        read=pd.to_numeric(_first(spans, attributes, _READ), errors="coerce").astype(float),
    )


def normal(statement: str) -> str:
    """On one line, values and lists of values as ``?``."""
    line = " ".join(_LITERAL.sub("?", str(statement)).split())
    return _LIST.sub("(?)", line)[:500]


def reads(statement: str) -> bool:
    """Whether it looks rows up, which an index can make faster; an insert does not."""
    verb = _VERB.match(statement)
    return verb is not None and verb[1].lower() not in {"insert", "replace", "upsert", "merge"}


def filtered_by(statement: str) -> tuple[str, tuple[str, ...]]:
    """The first table, and the columns its WHERE compares, in order; empty where the text does not say.

    Not a parser: what it finds is a candidate for a person who has the query plan, and is worded as one.
    """
    table, where = _FROM.search(statement), _WHERE.search(statement)
    columns = _COMPARED.findall(where[1]) if where else []
    names = dict.fromkeys(c.strip('"`').split(".")[-1] for c in columns)
    known = tuple(n for n in names if n.lower() not in {"and", "or", "not", "null"})
    return (table[1].strip('"`') if table else "", known)


def _attributes(spans: pd.DataFrame) -> pd.Series:
    if "attributes" not in spans.columns:
        return pd.Series([{}] * len(spans), index=spans.index, dtype=object)
    return spans["attributes"].map(_as_mapping)


def _as_mapping(value: Any) -> Mapping[str, Any]:
    if isinstance(value, Mapping):
        return value
    try:
        found = json.loads(value) if isinstance(value, str) else {}
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _first(spans: pd.DataFrame, attributes: pd.Series, names: tuple[str, ...]) -> pd.Series:
    """The first of these that a span has, as a column or among its attributes."""
    found = attributes.map(lambda held: next((held[n] for n in names if held.get(n) not in (None, "")), None))
    for name in names:
        if name in spans.columns:
            found = found.where(found.notna(), spans[name])
    return found.astype(object).where(found.notna(), None)
