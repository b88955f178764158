"""Kubernetes manifests held to the platform's own schemas."""

from __future__ import annotations

from collections.abc import Iterator

import yaml

from remediation.checks.changed import ChangedFile, ChangeSet
from remediation.checks.check import Check, Skipped, verdict

VERSION = "1.30"


def check_manifests(change: ChangeSet) -> Check | Skipped | None:
    """Whether changed manifests are what Kubernetes accepts; None where no changed file is one."""
    files = [file for file in change.kept if is_manifest(file)]
    if not files:
        return None
    try:
        import kubernetes_validate
    except ImportError:
        return Skipped(name="kubernetes", why="its schemas are not installed; pip install 'qai-sre[kubernetes]'")

    def problems() -> Iterator[str]:
        for file in files:
            for document in yaml.safe_load_all(file.after or ""):
                try:
                    kubernetes_validate.validate(document, VERSION, strict=True)
                except kubernetes_validate.ValidationError as wrong:
                    where = ".".join(str(part) for part in wrong.path)
                    yield f"{file.path}: {where or 'document'}: {wrong.message[:150]}"
                except (kubernetes_validate.SchemaNotFoundError, kubernetes_validate.InvalidSchemaError):
                    continue  # a custom resource: its schema is its operator's

    try:
        return verdict("kubernetes", list(problems()), f"{len(files)} manifest(s) fit Kubernetes {VERSION}")
    except (yaml.YAMLError, AttributeError, TypeError) as failed:
        return Skipped(name="kubernetes", why=f"a manifest could not be read: {' '.join(str(failed).split())[:150]}")


def is_manifest(file: ChangedFile) -> bool:
    """Whether a file looks like a manifest rather than any other YAML."""
    text = file.after or ""
    return file.suffix in (".yaml", ".yml") and "apiVersion:" in text and "kind:" in text
