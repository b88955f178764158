"""The whole application, driven from its own description: no server error, nothing undocumented."""

from __future__ import annotations

from contextlib import suppress
from itertools import product
from typing import Any

import schemathesis
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode

from serving.app import create_app


def test_schemathesis_finds_no_server_error(nexus: Any) -> None:
    app = create_app(nexus.services)
    schema = schemathesis.openapi.from_asgi("/openapi.json", app)
    operations = [result.ok() for result in schema.get_all_operations()]
    assert {o.path for o in operations} >= {"/api/v1/webhooks/datadog", "/api/v1/incidents", "/healthz"}
    token = nexus.client.headers["Authorization"]
    for operation, mode in product(operations, (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)):

        @examples(max_examples=15, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy(generation_mode=mode))
        def probe(case: schemathesis.Case) -> None:
            response = case.call(headers={"Authorization": token, "X-QAI-Token": token.removeprefix("Bearer ")})
            assert response.status_code < 500, (case.as_curl_command(), response.text)

        with suppress(Unsatisfiable):  # an operation without parameters has no invalid requests
            probe()
