"""The base of a review, what a published verdict is of, and the write that is about to be sent."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("reviews", sa.Column("base_sha", sa.String(64), server_default="", nullable=False))
    op.add_column("publications", sa.Column("head_sha", sa.String(64), server_default="", nullable=False))
    op.add_column("publications", sa.Column("base_sha", sa.String(64), server_default="", nullable=False))
    op.add_column("publications", sa.Column("writing", sa.String(24), server_default="", nullable=False))


def downgrade() -> None:
    for column in ("writing", "base_sha", "head_sha"):
        op.drop_column("publications", column)
    op.drop_column("reviews", "base_sha")
