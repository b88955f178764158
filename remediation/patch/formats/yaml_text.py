"""YAML (and, through it, JSON): the parser's marks say which characters a value has; only those are replaced."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import yaml

from data.errors import ProposalError
from data.proposal import ConfigurationAction, ConfigurationChange
from remediation.patch.formats import Missing, number_like, segments

_Flat = dict[tuple[str, ...], tuple[str, str]]
_Render = Callable[[object, yaml.ScalarNode | None], str]


def change(text: str, change: ConfigurationChange) -> str:
    """``text`` with one key set (added where its mapping is there) or removed, in the one document that has it."""
    return changed(text, change, _scalar)


def changed(
    text: str, change: ConfigurationChange, render: _Render, readable: Callable[[str], str] = lambda text: text
) -> str:
    """As :func:`change`, with ``render`` writing the new value.

    ``readable`` makes what the parser is shown of a text; every character has to keep its place.
    """
    documents = _documents(readable(text))
    steps = segments(change.key)
    found = [at for root in documents if (at := _find(root, steps)) is not None]
    if len(found) > 1:
        raise ProposalError(f"ambiguous: {change.key} is in {len(found)} documents of the file")
    removing = change.action is ConfigurationAction.remove
    if found:
        parent, index, path = found[0]
        _refuse_shared(documents, parent, index)
        after = _remove(text, parent, index) if removing else _set(text, parent, index, change.value, render)
    elif removing:
        raise Missing(f"{change.key} is not in the file")
    else:
        after, path = _add(text, documents, steps, change.value, render)
    _verify(documents, _documents(readable(after)), path)
    return after


def _documents(text: str) -> list[yaml.Node]:
    try:
        return [node for node in yaml.compose_all(text, Loader=yaml.SafeLoader) if node is not None]
    except yaml.YAMLError as failed:
        raise ProposalError(f"syntax broken: {' '.join(str(failed).split())[:200]}") from failed


_At = tuple[yaml.CollectionNode, int, tuple[str, ...]]


def _find(node: yaml.Node, steps: list[str], path: tuple[str, ...] = ()) -> _At | None:
    """The collection that holds the key, the key's place in it, and the path to it; None where it is missing."""
    if not isinstance(node, yaml.CollectionNode):
        return None
    for index, key, child, used in _matches(node, steps):
        if used == len(steps):
            return node, index, (*path, key)
        deeper = _find(child, steps[used:], (*path, key))
        if deeper is not None:
            return deeper
    return None


def _matches(node: yaml.CollectionNode, steps: list[str]) -> Iterator[tuple[int, str, yaml.Node, int]]:
    """The entries of ``node`` that the first ``used`` steps name, longest first."""
    if isinstance(node, yaml.MappingNode):
        for used in range(len(steps), 0, -1):
            wanted = ".".join(steps[:used])
            found = [i for i, (key, _) in enumerate(node.value) if key.value == wanted]
            if len(found) > 1:
                raise ProposalError(f"ambiguous: {wanted} stands twice in one mapping")
            if found:
                yield found[0], wanted, node.value[found[0]][1], used
        return
    for index, child in enumerate(node.value):
        if steps[0] == str(index) or _named(child, steps[0]):
            yield index, str(index), child, 1


def _named(node: yaml.Node, step: str) -> bool:
    """``name=web``, or plainly ``web`` for the item whose ``name`` it is (Kubernetes writes lists so)."""
    key, _, value = step.rpartition("=")
    pairs = node.value if isinstance(node, yaml.MappingNode) else ()
    return any(k.value == (key or "name") and isinstance(v, yaml.ScalarNode) and v.value == value for k, v in pairs)


def _refuse_shared(documents: list[yaml.Node], parent: yaml.CollectionNode, index: int) -> None:
    """A value under an anchor that an alias repeats would change in two places."""
    target = _child(parent, index)
    seen: dict[int, int] = {}
    for root in documents:
        for node in _walk(root):
            seen[id(node)] = seen.get(id(node), 0) + 1
    if seen.get(id(target), 0) > 1:
        raise ProposalError("ambiguous: the value is anchored and used in several places; give a code change")


def _walk(node: yaml.Node) -> Iterator[yaml.Node]:
    yield node
    if isinstance(node, yaml.MappingNode):
        for _, child in node.value:
            yield from _walk(child)
    elif isinstance(node, yaml.SequenceNode):
        for child in node.value:
            yield from _walk(child)


def _child(parent: yaml.CollectionNode, index: int) -> yaml.Node:
    child = parent.value[index][1] if isinstance(parent, yaml.MappingNode) else parent.value[index]
    assert isinstance(child, yaml.Node)
    return child


def _set(text: str, parent: yaml.CollectionNode, index: int, value: object, render: _Render) -> str:
    node = _child(parent, index)
    start, end = node.start_mark.index, node.end_mark.index
    if isinstance(node, yaml.ScalarNode):
        if node.style in ("|", ">"):
            raise ProposalError("outside scope: the value is a block of text; give a code change")
        written = render(number_like(_plain(node), value), node)
        if start == end and isinstance(parent, yaml.MappingNode):  # "key:" and nothing after it
            start = end = text.index(":", parent.value[index][0].end_mark.index) + 1
            written = " " + written
        return text[:start] + written + text[end:]
    if not isinstance(value, list | dict) or not (isinstance(node, yaml.CollectionNode) and node.flow_style):
        raise ProposalError("ambiguous: the key holds several values; name one of them, or give a code change")
    return text[:start] + json.dumps(value, ensure_ascii=False) + text[end:]


def _add(
    text: str, documents: list[yaml.Node], steps: list[str], value: object, render: _Render
) -> tuple[str, tuple[str, ...]]:
    *above, name = steps
    parents: list[tuple[yaml.Node, tuple[str, ...]]] = []
    for root in documents:
        if not above:
            parents.append((root, ()))
        elif (at := _find(root, above)) is not None:
            parents.append((_child(at[0], at[1]), at[2]))
    if len(parents) != 1 or not isinstance(parents[0][0], yaml.MappingNode):
        problem = f"{'.'.join(above) or 'the top level'} is no mapping of the file" if len(parents) < 2 else ""
        raise Missing(problem or "several documents could take the key; give a code change")
    mapping, path = parents[0]
    assert isinstance(mapping, yaml.MappingNode)
    entry = f"{_key(mapping, name)}: {render(value, None)}"
    return _insert(text, mapping, entry), (*path, name)


def _key(mapping: yaml.MappingNode, name: str) -> str:
    quoted = bool(mapping.value) and all(key.style == '"' for key, _ in mapping.value)
    return json.dumps(name) if quoted else _scalar(name, None)


def _insert(text: str, mapping: yaml.MappingNode, entry: str) -> str:
    if mapping.flow_style:
        close = mapping.end_mark.index - 1
        if not mapping.value:
            return text[:close].rstrip() + entry + text[close:]
        last = mapping.value[-1][1].end_mark.index
        previous = mapping.value[-1][0].start_mark
        line_start = text.rfind("\n", 0, previous.index) + 1
        own_line = not text[line_start : previous.index].strip()
        lead = ",\n" + text[line_start : previous.index] if own_line else ", "
        return text[:last] + lead + entry + text[last:]
    indent = " " * mapping.value[0][0].start_mark.column
    at = _line_end(text, _last_leaf(mapping).end_mark.index)
    lead = "" if at == 0 or text[at - 1] == "\n" else "\n"
    return text[:at] + f"{lead}{indent}{entry}\n" + text[at:]


def _remove(text: str, parent: yaml.CollectionNode, index: int) -> str:
    entries = parent.value
    starts = [(entry[0] if isinstance(entry, tuple) else entry).start_mark.index for entry in entries]
    ends = [_last_leaf(_child(parent, i)).end_mark.index for i in range(len(entries))]
    if parent.flow_style:
        flow_ends = [_child(parent, i).end_mark.index for i in range(len(entries))]
        if index + 1 < len(entries):
            return text[: starts[index]] + text[starts[index + 1] :]
        begin = flow_ends[index - 1] if index else starts[index]
        return text[:begin] + text[flow_ends[index] :]
    if len(entries) == 1:
        raise ProposalError("ambiguous: it is the only entry there; remove what holds it, or set a value")
    line_start = text.rfind("\n", 0, starts[index]) + 1
    before = text[line_start : starts[index]].strip()
    if before not in ("", "-") or (before == "-" and isinstance(parent, yaml.MappingNode)):
        raise ProposalError("ambiguous: the key shares its line with another; give a code change")
    return text[:line_start] + text[_line_end(text, max(ends[index], starts[index])) :]


def _last_leaf(node: yaml.Node) -> yaml.Node:
    while isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        node = _child(node, len(node.value) - 1)
    return node


def _line_end(text: str, at: int) -> int:
    """The start of the line after the one on which ``at``'s last character stands."""
    if at and text[at - 1] == "\n":
        return at
    end = text.find("\n", at)
    return len(text) if end == -1 else end + 1


def _scalar(value: object, replaced: yaml.ScalarNode | None) -> str:
    """``value`` as YAML on one line, in the quotes that the value before it had."""
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, str) and replaced is not None and replaced.style == '"':
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, str) and replaced is not None and replaced.style == "'" and value.isprintable():
        return "'" + value.replace("'", "''") + "'"
    if isinstance(value, str) and not value.isprintable():
        return json.dumps(value)
    written = yaml.safe_dump(value, width=10**9, allow_unicode=True).removesuffix("\n").removesuffix("\n...")
    return written if "\n" not in written else json.dumps(value)


def _plain(node: yaml.ScalarNode) -> object:
    if node.tag in ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float", "tag:yaml.org,2002:bool"):
        return yaml.safe_load(node.value)
    return node.value


def _verify(before: list[yaml.Node], after: list[yaml.Node], path: tuple[str, ...]) -> None:
    """Nothing but the one key may read differently: that would be a wrong edit that looks like a right one."""
    old, new = _flatten(before), _flatten(after)
    touched = {key for key in old.keys() | new.keys() if old.get(key) != new.get(key)}
    # A sequence that lost an item has others move up: its whole list is what changed.
    prefix = path[:-1] if path[-1].isdigit() else path
    if any(key[1 : len(prefix) + 1] != prefix for key in touched):
        raise ProposalError("ambiguous: the edit would change other settings too; give a code change")


def _flatten(documents: list[yaml.Node]) -> _Flat:
    flat: _Flat = {}
    pending: list[tuple[tuple[str, ...], yaml.Node]] = [((str(i),), node) for i, node in enumerate(documents)]
    while pending:
        path, node = pending.pop()
        if isinstance(node, yaml.MappingNode):
            pending.extend(((*path, key.value), child) for key, child in node.value)
        elif isinstance(node, yaml.SequenceNode):
            pending.extend(((*path, str(i)), child) for i, child in enumerate(node.value))
        else:
            flat[path] = (node.tag, node.value)
    return flat
