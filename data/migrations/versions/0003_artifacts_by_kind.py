"""Which incidents have something of a kind, without reading every payload.

Revision ID: 0003
Revises: 0002
"""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_index("ix_artifacts_kind_incident_id", "artifacts", ["kind", "incident_id"])


def downgrade() -> None:
    op.drop_index("ix_artifacts_kind_incident_id", "artifacts")
