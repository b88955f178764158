"""The control plane: webhooks, the JSON API and Nexus in one FastAPI application."""

from __future__ import annotations

import threading
from importlib.metadata import version

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles

from serving import api, auth, brake_api, learning_api, nexus, webhooks
from serving.services import Services


def create_app(services: Services) -> FastAPI:
    """The application over running ``services``."""
    app = FastAPI(
        title="QAI SRE",
        version=version("qai-sre"),
        summary="Alerts in, ranked root causes and guarded fixes out.",
        # The interactive pages load scripts from elsewhere; the description itself is at /openapi.json.
        docs_url=None,
        redoc_url=None,
    )
    app.state.services = services
    app.state.stopping = threading.Event()  # set by the server, so that open event streams end
    for router in (
        webhooks.router,
        api.router,
        brake_api.router,
        learning_api.router,
        auth.router,
        nexus.router,
        nexus.learning_router,
    ):
        app.include_router(router)
    app.mount(nexus.STATIC_URL, StaticFiles(directory=nexus.STATIC), name="static")
    return app
