"""Scanning services that a team has already, asked over HTTP where their own variables name them.

They are configured as their own tools are: ``SNYK_TOKEN`` (``SNYK_CFG_ORG``, ``SNYK_API``); ``SONAR_HOST_URL``,
``SONAR_TOKEN`` and ``SONAR_PROJECT_KEY``; ``MEND_URL``, ``MEND_USER_KEY`` and ``MEND_PROJECT_TOKEN``. Snyk is sent the
manifests of dependencies that change, before and after, and tells what is new. SonarQube and Mend cannot look at a
change that is not pushed: they say how the project stands, and the badge says that. Nothing is written to any of them.

https://docs.snyk.io/snyk-api/reference/test-v1, https://next.sonarqube.com/sonarqube/web_api,
https://api-docs.mend.io/1.4
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import httpx

from remediation.checks.changed import ChangedFile, ChangeSet
from remediation.checks.check import Check, Skipped, verdict
from remediation.checks.people import is_dependencies

TIMEOUT_S = 30.0

# File name -> the package manager whose endpoint tests it by itself.
_SNYK = {"requirements.txt": "pip", "package.json": "npm", "pom.xml": "maven", "build.gradle": "gradle"}


@dataclass(frozen=True)
class Service:
    """One service: the variables without which it is not asked, and the question."""

    name: str
    needs: tuple[str, ...]
    ask: Callable[[httpx.Client, Mapping[str, str], ChangeSet], Check | None]


def ask_services(change: ChangeSet, environment: Mapping[str, str] | None = None) -> list[Check | Skipped]:
    """What every configured service says of ``change``; one that cannot be asked is skipped with the reason."""
    known = os.environ if environment is None else environment
    answers = (_asked(service, known, change) for service in SERVICES if all(known.get(n) for n in service.needs))
    return [answer for answer in answers if answer is not None]


def _asked(service: Service, environment: Mapping[str, str], change: ChangeSet) -> Check | Skipped | None:
    try:
        with httpx.Client(timeout=TIMEOUT_S) as client:
            return service.ask(client, environment, change)
    except httpx.HTTPStatusError as failed:
        return Skipped(name=service.name, why=f"answered {failed.response.status_code}")
    except (httpx.HTTPError, httpx.InvalidURL) as failed:
        return Skipped(name=service.name, why=f"could not be asked: {type(failed).__name__}")
    except (ValueError, KeyError, TypeError, AttributeError) as failed:
        return Skipped(name=service.name, why=f"answered what it does not document: {type(failed).__name__}")


def _snyk(client: httpx.Client, environment: Mapping[str, str], change: ChangeSet) -> Check | None:
    manifests = [file for file in change.kept if PurePosixPath(file.path).name in _SNYK]
    if not manifests:
        return None

    def known(file: ChangedFile, text: str | None) -> dict[str, str]:
        if not (text or "").strip():
            return {}
        answer = client.post(
            f"{environment.get('SNYK_API') or 'https://api.snyk.io'}/v1/test/{_SNYK[PurePosixPath(file.path).name]}",
            params={"org": environment["SNYK_CFG_ORG"]} if environment.get("SNYK_CFG_ORG") else None,
            headers={"Authorization": f"token {environment['SNYK_TOKEN']}"},
            json={"encoding": "plain", "files": {"target": {"contents": text}}},
        )
        issues = answer.raise_for_status().json()["issues"]
        found = [*issues["vulnerabilities"], *issues.get("licenses", ())]
        return {i["id"]: f"{i['severity']}: {i['title']} in {i['package']} {i['version']}" for i in found}

    def findings() -> Iterator[str]:
        for file in manifests:
            old, new = known(file, file.before), known(file, file.after)
            yield from (f"{file.path} {what}" for identity, what in sorted(new.items()) if identity not in old)

    return verdict(
        "snyk", list(findings()), f"{len(manifests)} manifest(s) bring nothing that is known to be vulnerable"
    )


def _sonarqube(client: httpx.Client, environment: Mapping[str, str], change: ChangeSet) -> Check:
    project, host = environment["SONAR_PROJECT_KEY"], environment["SONAR_HOST_URL"].rstrip("/")
    headers = {"Authorization": f"Bearer {environment['SONAR_TOKEN']}"}

    def get(path: str, **query: str) -> Any:
        return client.get(f"{host}/api/{path}", params=query, headers=headers).raise_for_status().json()

    gate = get("qualitygates/project_status", projectKey=project)["projectStatus"]
    failing = [
        f"{c['metricKey']} is {c.get('actualValue', 'unknown')}" for c in gate["conditions"] if c["status"] == "ERROR"
    ]
    files = ",".join(f"{project}:{file.path}" for file in change.files)
    issues = get("issues/search", componentKeys=files, resolved="false", types="BUG,VULNERABILITY", ps="1")
    why = f" ({', '.join(failing[:5])})" if failing else ""
    said = f"its files have {issues['total']} open bugs and vulnerabilities; the quality gate is {gate['status']}{why}"
    return Check(name="sonarqube", passed=gate["status"] != "ERROR", detail=f"before this change, {said}")


def _mend(client: httpx.Client, environment: Mapping[str, str], change: ChangeSet) -> Check | None:
    if not any(is_dependencies(file.path) for file in change.files):
        return None
    question = {
        "requestType": "getProjectAlertsByType",
        "userKey": environment["MEND_USER_KEY"],
        "projectToken": environment["MEND_PROJECT_TOKEN"],
        "alertType": "SECURITY_VULNERABILITY",
    }
    answer = client.post(f"{environment['MEND_URL'].rstrip('/')}/api/v1.4", json=question).raise_for_status().json()
    severe = [
        f"{alert['vulnerability']['name']} in {alert['library']['filename']}"
        for alert in answer["alerts"]
        if alert["vulnerability"]["severity"].lower() in ("high", "critical")
    ]
    return verdict("mend", severe, "the project has no severe security alert, before this change")


SERVICES: tuple[Service, ...] = (
    Service("snyk", ("SNYK_TOKEN",), _snyk),
    Service("sonarqube", ("SONAR_HOST_URL", "SONAR_TOKEN", "SONAR_PROJECT_KEY"), _sonarqube),
    Service("mend", ("MEND_URL", "MEND_USER_KEY", "MEND_PROJECT_TOKEN"), _mend),
)
