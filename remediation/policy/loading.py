"""Reading a policy file. What cannot be read in full allows nothing."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from data.errors import PolicyError
from remediation.policy.rules import Policy

DEFAULT_POLICY = Path(__file__).parents[1] / "policies" / "default.yaml"


def load_policy(path: Path = DEFAULT_POLICY) -> Policy:
    """Read a policy file.

    Raises:
        PolicyError: the file is missing, is not YAML, or has a key or value that means nothing; each is named.
    """
    try:
        raw = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)
    except OSError as failed:
        raise PolicyError(f"policy {path} cannot be read: {failed.strerror or failed}") from failed
    except (yaml.YAMLError, ValueError, RecursionError) as failed:
        raise PolicyError(f"policy {path} is not valid YAML: {' '.join(str(failed).split())}") from failed
    if not isinstance(raw, dict):
        raise PolicyError(f"policy {path} must be a mapping with 'version' and 'rules'")
    if "problem" in raw:
        raise PolicyError(f"policy {path}: problem: not a key that can be set; remove it")
    try:
        return Policy.model_validate(raw)
    except ValidationError as failed:
        problems = "; ".join(_problem(error) for error in failed.errors())
        raise PolicyError(f"policy {path}: {problems}") from failed


def load_policy_or_refuse(path: Path = DEFAULT_POLICY) -> Policy:
    """Read a policy file; one that cannot be read becomes a policy that refuses everything and says why."""
    try:
        return load_policy(path)
    except PolicyError as failed:
        return Policy(version=1, rules=(), problem=f"Refused because the policy cannot be used: {failed}")


class _Loader(yaml.SafeLoader):
    """Safe YAML in which a repeated key is an error (the last one would win in silence) and 17:00 is no number."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            # A key that is itself a list or mapping is refused by the loader this one extends.
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    mark = key.start_mark
                    raise yaml.constructor.ConstructorError(None, None, f"key {key.value!r} is given twice", mark)
                seen.add(key.value)
        return super().construct_mapping(node, deep)


def _problem(error: Any) -> str:
    where = ".".join(str(part) for part in error["loc"]) or "the policy"
    if error["type"] == "extra_forbidden":
        fields = _part_at(error["loc"][:-1]).model_fields
        known = ", ".join(field.alias or name for name, field in fields.items() if name != "problem")
        return f"{where}: not a known key; remove it, or use one of {known}"
    if error["type"] == "missing":
        return f"{where}: missing; add it"
    return f"{where}: {error['msg'].removeprefix('Value error, ')}, not {error['input']!r:.60}"


def _part_at(where: tuple[str | int, ...]) -> type[BaseModel]:
    """The part of a policy that a place in the file is in."""
    part: type[BaseModel] = Policy
    for name in where:
        field = next((field for key, field in part.model_fields.items() if name in (key, field.alias)), None)
        kinds = (field.annotation, *get_args(field.annotation)) if field else ()
        part = next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), part)
    return part


# YAML 1.1 reads 17:00 as 17 * 60; here a number has digits only.
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":int")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"[-+]?[0-9]+\Z"), list("-+0123456789"))
