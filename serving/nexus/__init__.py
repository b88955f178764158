"""Nexus, the command centre: server-rendered pages that follow incidents live.

Mount it with ``app.include_router(router)`` and ``app.mount(STATIC_URL, StaticFiles(directory=STATIC))``.
"""

from serving.nexus.learning import router as learning_router
from serving.nexus.pages import STATIC, STATIC_URL
from serving.nexus.routes import router

__all__ = ["STATIC", "STATIC_URL", "learning_router", "router"]
