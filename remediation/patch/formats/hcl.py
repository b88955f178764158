"""HCL (Terraform): tree-sitter's grammar says where an attribute's value stands.

A key is the block's type, its labels and the attribute: ``resource.aws_instance.web.instance_type``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from data.errors import ProposalError
from data.proposal import ConfigurationAction, ConfigurationChange
from remediation.patch.formats import Missing, number_like, segments


def change(text: str, change: ConfigurationChange) -> str:
    """``text`` with one attribute set or removed."""
    raw = text.encode("utf-8")
    wanted = ".".join(segments(change.key))
    found = [node for path, node in _attributes(_root(raw), ()) if ".".join(path) == wanted]
    if not found:
        raise Missing(f"{change.key} is not in the file; name block type, labels and attribute, joined by dots")
    if len(found) > 1:
        raise ProposalError(f"ambiguous: {change.key} is in the file {len(found)} times")
    attribute = found[0]
    if change.action is ConfigurationAction.remove:
        start = raw.rfind(b"\n", 0, attribute.start_byte) + 1
        end = raw.find(b"\n", attribute.end_byte)
        return (raw[:start] + (raw[end + 1 :] if end != -1 else b"")).decode("utf-8")
    value = attribute.children[-1]
    return (raw[: value.start_byte] + _written(raw, value, change.value) + raw[value.end_byte :]).decode("utf-8")


def _written(raw: bytes, node: Any, value: object) -> bytes:
    old = raw[node.start_byte : node.end_byte].decode("utf-8")
    try:
        before: object = json.loads(old)
    except ValueError:
        before = old
    if before is old or "${" in old:
        raise ProposalError("ambiguous: the value is an expression; give a code change")
    text = json.dumps(number_like(before, value), ensure_ascii=False)
    # A dollar or percent brace in a string would be evaluated; doubled, it is text.
    return text.replace("${", "$${").replace("%{", "%%{").encode("utf-8")


def _root(raw: bytes) -> Any:
    import tree_sitter_hcl
    from tree_sitter import Language, Parser

    tree = Parser(Language(tree_sitter_hcl.language())).parse(raw)
    if tree.root_node.has_error:
        raise ProposalError("syntax broken: the file is not HCL as it is; give a code change")
    return tree.root_node


def _attributes(node: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    for child in node.children:
        if child.type == "attribute":
            yield (*path, child.children[0].text.decode("utf-8")), child
        elif child.type == "block":
            labels = [c for c in child.children if c.type in ("identifier", "string_lit")]
            names = tuple(label.text.decode("utf-8").strip('"') for label in labels)
            yield from _attributes(child, (*path, *names))
        elif child.type in ("body", "config_file"):
            yield from _attributes(child, path)
