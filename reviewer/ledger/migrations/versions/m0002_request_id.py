"""The provider's own id of a call."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("calls", sa.Column("request_id", sa.Text(), server_default="", nullable=False))


def downgrade() -> None:
    op.drop_column("calls", "request_id")
