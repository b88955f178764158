"""The registry of an installation: its folder, the ranker that ships, the audit log, and MLflow's aliases."""

from __future__ import annotations

import sqlalchemy as sa

from data.database import connect, migrate
from data.registry import Registry
from data.settings import Settings
from models.rankers.state import CHAMPION
from pipelines import tracking


def registry_of(settings: Settings, engine: sa.Engine | None = None) -> Registry:
    """The registry that the settings name; ``engine`` is that of the store, where one is open already."""
    if engine is None:
        engine = connect(settings.store_url)
        migrate(engine)
    return Registry(settings.state_dir / "models", CHAMPION, engine, tracking.mirror(settings))
