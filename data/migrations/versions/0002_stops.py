"""Emergency stops: who stopped what, and when it was lifted.

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op

from data.schema import UtcDateTime

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "stops",
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("service", sa.String(256), nullable=True),
        sa.Column("by", sa.String(256), nullable=False),
        sa.Column("because", sa.Text, nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.Column("lifted_at", UtcDateTime, nullable=True, index=True),
        sa.Column("lifted_by", sa.String(256), nullable=True),
    )


def downgrade() -> None:
    op.drop_table("stops")
