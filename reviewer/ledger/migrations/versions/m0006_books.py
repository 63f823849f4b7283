"""Sums of calls by day and review, facts of reviews, outcomes beside their findings, and indexes for lists."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# As they are in this version: later ones may add to them, and this migration stays what it was.
_SUMS = (
    "calls ok retries checks_failed frontier cached_results input_tokens cache_read_tokens cache_write_tokens "
    "output_tokens reasoning_tokens cost_picos unconfirmed_picos unpriced latency_ms"
).split()
_LATENCIES = [f"latency_{place}" for place in range(22)]


def _sums(names: list[str]) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger(), nullable=False, server_default="0") for name in names]


def upgrade() -> None:
    from reviewer.ledger import rollup  # noqa: PLC0415 - loaded by a migration only

    op.create_table(
        "call_days",
        sa.Column("day", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("installation_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("repository_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("repository", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        *_sums([*_SUMS, *_LATENCIES]),
        sa.PrimaryKeyConstraint(
            "day",
            "installation_id",
            "repository_id",
            "repository",
            "actor",
            "provider",
            "model",
            name="pk_call_days",
        ),
    )
    op.create_table(
        "call_reviews",
        sa.Column("review_id", sa.BigInteger(), autoincrement=False, nullable=False),
        *_sums(_SUMS),
        sa.PrimaryKeyConstraint("review_id", name="pk_call_reviews"),
    )
    op.create_table(
        "review_facts",
        sa.Column("review_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("title", sa.Text(), nullable=False, server_default=""),
        sa.Column("author", sa.Text(), nullable=False, server_default=""),
        sa.Column("repository", sa.Text(), nullable=False, server_default=""),
        sa.Column("kind", sa.String(24), nullable=False, server_default=""),
        sa.Column("status", sa.String(24), nullable=False, server_default=""),
        sa.Column("complete", sa.Boolean(create_constraint=False), nullable=False, server_default=sa.false()),
        sa.Column("coverage_permille", sa.SmallInteger(), nullable=False, server_default="0"),
        sa.Column("escalations", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("stored_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("review_id", name="pk_review_facts"),
        sa.ForeignKeyConstraint(
            ["review_id"], ["reviews.id"], name="fk_review_facts_review_id", ondelete="CASCADE"
        ),
    )
    op.add_column("findings", sa.Column("outcome", sa.String(16), nullable=False, server_default="unknown"))
    op.add_column("findings", sa.Column("outcome_at", sa.BigInteger()))
    latest = "SELECT o.{} FROM outcomes o WHERE o.finding_id = findings.id ORDER BY o.id DESC LIMIT 1"
    op.execute(
        f"UPDATE findings SET outcome = ({latest.format('outcome')}), "  # noqa: S608 - our own words
        f"outcome_at = ({latest.format('at')}) "
        "WHERE EXISTS (SELECT 1 FROM outcomes o WHERE o.finding_id = findings.id)"
    )
    op.create_index("ix_reviews_accepted_at", "reviews", ["accepted_at", "id"])
    op.create_index("ix_reviews_installation", "reviews", ["installation_id", "accepted_at", "id"])
    op.create_index("ix_calls_review_id", "calls", ["review_id"])
    op.create_index("ix_holds_counter", "holds", ["counter_id", "call_id"])
    op.create_index("ix_findings_review_id", "findings", ["review_id"])
    op.create_index("ix_findings_raised_at", "findings", ["raised_at"])
    rollup.fill(op.get_bind())
    rollup.create_triggers(op.get_bind())


def downgrade() -> None:
    from reviewer.ledger import rollup  # noqa: PLC0415 - loaded by a migration only

    rollup.drop_triggers(op.get_bind())
    for name, table in (
        ("ix_findings_raised_at", "findings"),
        ("ix_findings_review_id", "findings"),
        ("ix_holds_counter", "holds"),
        ("ix_calls_review_id", "calls"),
        ("ix_reviews_installation", "reviews"),
        ("ix_reviews_accepted_at", "reviews"),
    ):
        op.drop_index(name, table)
    op.drop_column("findings", "outcome_at")
    op.drop_column("findings", "outcome")
    for table in ("review_facts", "call_reviews", "call_days"):
        op.drop_table(table)
