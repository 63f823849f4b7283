"""Counters and prepaid accounts by GitHub's ids, debts, references per organisation, alerts that fire again.

Counters and credits that are kept by name move to the id with the first call that names both.
"""

from __future__ import annotations

import time

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_ACTIVE = sa.text("ended_at IS NULL")
_OVERDRAWN = "spent_picos + held_picos > amount_picos"


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), server_default="0", nullable=False)


def _name() -> sa.Column[str]:
    return sa.Column("name", sa.Text(), server_default="", nullable=False)


def _now() -> int:
    return int(time.time() * 1_000_000)


def upgrade() -> None:
    op.add_column("reviews", _number("actor_id"))
    op.add_column("reviews", sa.Column("outsider", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.create_index("ix_reviews_repository", "reviews", ["repo_id", "accepted_at"], unique=False)
    op.create_index("ix_reviews_actor", "reviews", ["actor_id", "accepted_at"], unique=False)
    op.add_column("counters", _name())
    op.execute("UPDATE counters SET name = subject")
    op.create_table(
        "prepaid_accounts",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("organisation", sa.Text(), nullable=False),
        _name(),
        _number("debt_picos"),
        _number("full_picos"),
        _number("floor_picos"),
        sa.Column("alerts", sa.String(length=400), server_default="", nullable=False),
        sa.CheckConstraint("debt_picos >= 0", name=op.f("ck_prepaid_accounts_debt")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_prepaid_accounts")),
        sa.UniqueConstraint("organisation", name=op.f("uq_prepaid_accounts_organisation")),
    )
    # What a credit was overdrawn by was owed and forgotten with the next credit: it becomes the account's debt.
    op.execute(
        "INSERT INTO prepaid_accounts (organisation, name, debt_picos, full_picos) "
        "SELECT organisation, organisation, "
        f"SUM(CASE WHEN {_OVERDRAWN} THEN spent_picos + held_picos - amount_picos ELSE 0 END), "
        f"SUM(CASE WHEN {_OVERDRAWN} OR expires_at <= {_now()} THEN 0 ELSE amount_picos - spent_picos END) "
        "FROM credits GROUP BY organisation"
    )
    op.execute(f"UPDATE credits SET spent_picos = amount_picos - held_picos WHERE {_OVERDRAWN}")
    with op.batch_alter_table("credits") as credits:
        credits.drop_constraint("uq_credits_reference", type_="unique")
        credits.create_unique_constraint("uq_credits_reference", ["organisation", "reference"])
        credits.create_check_constraint(op.f("ck_credits_covered"), "spent_picos + held_picos <= amount_picos")
    op.add_column("calls", _number("repository_id"))
    op.add_column("calls", _number("organisation_id"))
    op.add_column("calls", sa.Column("prepaid", sa.Text(), nullable=True))
    op.execute(
        "UPDATE calls SET prepaid = (SELECT organisation FROM credits JOIN credit_holds "
        "ON credit_holds.credit_id = credits.id WHERE credit_holds.call_id = calls.id LIMIT 1) "
        "WHERE state IN ('held', 'unconfirmed')"
    )
    # From here on a hold of credit is one that still holds.
    op.execute(
        "DELETE FROM credit_holds WHERE call_id IN (SELECT id FROM calls WHERE state NOT IN ('held', 'unconfirmed'))"
    )
    with op.batch_alter_table("holds") as holds:
        holds.alter_column("alerts", type_=sa.String(length=400), existing_server_default="", existing_nullable=False)
    with op.batch_alter_table("alerts") as alerts:
        alerts.drop_constraint("uq_alerts_key", type_="unique")
        alerts.add_column(_name())
        alerts.add_column(sa.Column("ended_at", sa.BigInteger(), nullable=True))
    op.execute("UPDATE alerts SET name = subject")
    # The prepaid ones were shares of another sum.
    op.execute("UPDATE alerts SET ended_at = reached_at WHERE scope = 'prepaid'")
    op.create_index(
        "uq_alerts_reached",
        "alerts",
        ["scope", "subject", "window", "limit_picos", "percent", "refused"],
        unique=True,
        sqlite_where=_ACTIVE,
        postgresql_where=_ACTIVE,
    )


def downgrade() -> None:
    raise NotImplementedError("the ledger is not taken back: restore the copy that was made before the update")
