"""The tables of the ledger. Amounts are whole 1e-12 dollars (`_picos`), moments whole microseconds (`_at`)."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
)

from reviewer.ledger import rollup

# Named constraints, so that a migration can change them on both databases.
metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite numbers rows by itself only in a column of exactly this type; it holds 64 bits all the same.
_Id = BigInteger().with_variant(Integer, "sqlite")
# The rows that still want work, as the partial index below says it: bound values would keep SQLite from using it.
IS_UNFINISHED = text("reviews.state IN ('accepted', 'running', 'reviewed')")
# Some indexes are partial. The migrations, which make the tables, say so for PostgreSQL too; here it would load
# that dialect, and asyncio with it, at every start on SQLite.
_UNFINISHED = text("state IN ('accepted', 'running', 'reviewed')")

reviews = Table(
    "reviews",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("installation_id", BigInteger, nullable=False),
    Column("repo_id", BigInteger, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("head_sha", String(64), nullable=False),
    Column("trigger", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("payload", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("fence", BigInteger, nullable=False, server_default="0"),
    Column("lease_owner", Text),
    Column("lease_until", BigInteger),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("deferrals", Integer, nullable=False, server_default="0"),
    Column("retry_at", BigInteger),
    Column("enqueued_at", BigInteger),
    Column("accepted_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("error", Text, nullable=False, server_default=""),
    # When the pull request got the notice that its review failed: see Backlog.unnoticed().
    Column("noticed_at", BigInteger),
    # What the diff starts from. Not in the unique key: a pull request that comes back gets a trigger of its own.
    Column("base_sha", String(64), nullable=False, server_default=""),
    # Who asked, by GitHub's id, 0 where it is not known; and whether for an outsider's pull request.
    Column("actor_id", BigInteger, nullable=False, server_default="0"),
    Column("outsider", Boolean(create_constraint=False), nullable=False, server_default=false()),
    UniqueConstraint("installation_id", "repo_id", "number", "head_sha", "trigger", name="uq_reviews_key"),
    Index("ix_reviews_unfinished", "accepted_at", sqlite_where=_UNFINISHED),
    Index("ix_reviews_pull_request", "repo_id", "number", "accepted_at"),
    Index("ix_reviews_repository", "repo_id", "accepted_at"),
    Index("ix_reviews_actor", "actor_id", "accepted_at"),
    Index("ix_reviews_accepted_at", "accepted_at", "id"),
    Index("ix_reviews_installation", "installation_id", "accepted_at", "id"),
)

# Apart from `reviews`, so that the rows that the queue turns on stay small.
review_documents = Table(
    "review_documents",
    metadata,
    Column("review_id", ForeignKey("reviews.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("document", Text, nullable=False),
    Column("stored_at", BigInteger, nullable=False),
)

publications = Table(
    "publications",
    metadata,
    Column("review_id", ForeignKey("reviews.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("github_review_id", BigInteger),
    Column("comment_ids", Text, nullable=False, server_default="[]"),
    Column("summary_comment_id", BigInteger),
    Column("check_run_id", BigInteger),
    Column("marker", Text, nullable=False, server_default=""),
    Column("updated_at", BigInteger, nullable=False),
    # What the published verdict is of.
    Column("head_sha", String(64), nullable=False, server_default=""),
    Column("base_sha", String(64), nullable=False, server_default=""),
    # The write that was about to be sent; "" where its answer came.
    Column("writing", String(24), nullable=False, server_default=""),
)

counters = Table(
    "counters",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("scope", String(24), nullable=False),
    Column("subject", Text, nullable=False),
    Column("window", String(10), nullable=False),
    # What people call the subject, whose key is GitHub's id where that is known.
    Column("name", Text, nullable=False, server_default=""),
    Column("spent_picos", BigInteger, nullable=False, server_default="0"),
    Column("held_picos", BigInteger, nullable=False, server_default="0"),
    Column("unconfirmed_picos", BigInteger, nullable=False, server_default="0"),
    UniqueConstraint("scope", "subject", "window", name="uq_counters_key"),
    # A release that happens twice must be an error, never money out of nowhere.
    CheckConstraint("spent_picos >= 0", name="spent"),
    CheckConstraint("held_picos >= 0", name="held"),
    CheckConstraint("unconfirmed_picos >= 0", name="unconfirmed"),
)

# One row for each organisation that pays in advance. Every step on its credits locks it first.
prepaid_accounts = Table(
    "prepaid_accounts",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("organisation", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False, server_default=""),
    # Bills that no credit covered. The next credit pays them first.
    Column("debt_picos", BigInteger, nullable=False, server_default="0"),
    # What was left right after the last credit was booked: alerts are shares of it.
    Column("full_picos", BigInteger, nullable=False, server_default="0"),
    # The limit that the last call was measured against: what must stay, and at which percents an alert is sent.
    Column("floor_picos", BigInteger, nullable=False, server_default="0"),
    Column("alerts", String(400), nullable=False, server_default=""),
    CheckConstraint("debt_picos >= 0", name="debt"),
)

credit_table = Table(
    "credits",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("organisation", Text, nullable=False, index=True),
    Column("kind", String(16), nullable=False),
    Column("amount_picos", BigInteger, nullable=False),
    Column("spent_picos", BigInteger, nullable=False, server_default="0"),
    Column("held_picos", BigInteger, nullable=False, server_default="0"),
    Column("expires_at", BigInteger),
    Column("note", Text, nullable=False, server_default=""),
    Column("created_at", BigInteger, nullable=False),
    # The receipt or order number: the same purchase of an organisation is booked once.
    Column("reference", Text),
    UniqueConstraint("organisation", "reference", name="uq_credits_reference"),
    CheckConstraint("amount_picos > 0", name="amount"),
    CheckConstraint("held_picos >= 0", name="held"),
    # What a credit cannot pay is a debt of the account, never an overdrawn credit.
    CheckConstraint("spent_picos + held_picos <= amount_picos", name="covered"),
)

calls = Table(
    "calls",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("reservation", String(64), nullable=False, unique=True),
    Column("state", String(16), nullable=False),
    Column("review_id", ForeignKey("reviews.id", ondelete="SET NULL")),
    Column("run", Text, nullable=False),
    Column("pull_request", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("repository", Text, nullable=False),
    Column("organisation", Text, nullable=False),
    Column("repository_id", BigInteger, nullable=False, server_default="0"),
    Column("organisation_id", BigInteger, nullable=False, server_default="0"),
    # The prepaid account that pays for the call, NULL where none does.
    Column("prepaid", Text),
    Column("reserved_picos", BigInteger),
    Column("cost_picos", BigInteger),
    # Usage times price, beside the provider's own figure, so that the difference can be watched.
    Column("computed_picos", BigInteger),
    Column("unit", Text, nullable=False),
    Column("stage", String(24), nullable=False),
    Column("tier", SmallInteger, nullable=False),
    Column("provider", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("payment", String(16), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("input_tokens", BigInteger, nullable=False, server_default="0"),
    Column("cache_read_tokens", BigInteger, nullable=False, server_default="0"),
    Column("cache_write_tokens", BigInteger, nullable=False, server_default="0"),
    Column("output_tokens", BigInteger, nullable=False, server_default="0"),
    Column("reasoning_tokens", BigInteger, nullable=False, server_default="0"),
    Column("latency_ms", BigInteger, nullable=False, server_default="0"),
    Column("started_ms", BigInteger, nullable=False, server_default="0"),
    Column("ok", Boolean(create_constraint=False), nullable=False, server_default=false()),
    Column("cached_result", Boolean(create_constraint=False), nullable=False, server_default=false()),
    Column("estimated", Boolean(create_constraint=False), nullable=False, server_default=false()),
    Column("failed_check", String(40)),
    Column("error", Text, nullable=False, server_default=""),
    # The provider's own id of the call. `reservation` is ours, and goes out with the request.
    Column("request_id", Text, nullable=False, server_default=""),
    Column("opened_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("closed_at", BigInteger),
    Index("ix_calls_run", "run"),
    Index("ix_calls_review_id", "review_id"),
    Index("ix_calls_pull_request", "pull_request"),
    Index("ix_calls_opened_at", "opened_at"),
    Index("ix_calls_held", "expires_at", sqlite_where=text("state = 'held'")),
)

holds = Table(
    "holds",
    metadata,
    Column("call_id", ForeignKey("calls.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("counter_id", ForeignKey("counters.id"), primary_key=True, autoincrement=False),
    Column("limit_picos", BigInteger),
    Column("alerts", String(400), nullable=False, server_default=""),
    Index("ix_holds_counter", "counter_id", "call_id"),
)

credit_holds = Table(
    "credit_holds",
    metadata,
    Column("call_id", ForeignKey("calls.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("credit_id", ForeignKey("credits.id"), primary_key=True, autoincrement=False),
    Column("amount_picos", BigInteger, nullable=False),
)

alerts = Table(
    "alerts",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("scope", String(24), nullable=False),
    Column("subject", Text, nullable=False),
    Column("window", String(10), nullable=False),
    Column("limit_picos", BigInteger, nullable=False),
    Column("percent", SmallInteger, nullable=False),
    Column("spent_picos", BigInteger, nullable=False),
    Column("refused", Boolean(create_constraint=False), nullable=False, server_default=false()),
    Column("reached_at", BigInteger, nullable=False),
    Column("due_at", BigInteger),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("sent_at", BigInteger),
    Column("name", Text, nullable=False, server_default=""),
    # When the share was no longer reached: credit was bought, or a late bill turned out smaller.
    Column("ended_at", BigInteger),
    Index(
        "uq_alerts_reached",
        "scope",
        "subject",
        "window",
        "limit_picos",
        "percent",
        "refused",
        unique=True,
        sqlite_where=text("ended_at IS NULL"),
    ),
    Index("ix_alerts_due", "due_at", sqlite_where=text("sent_at IS NULL")),
)

unit_results = Table(
    "unit_results",
    metadata,
    Column("key", Text, primary_key=True),
    Column("result", Text, nullable=False),
    Column("stored_at", BigInteger, nullable=False),
    Column("used_at", BigInteger, nullable=False),
    Index("ix_unit_results_used_at", "used_at"),
)

findings = Table(
    "findings",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("repo_id", BigInteger, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("review_id", ForeignKey("reviews.id", ondelete="SET NULL")),
    Column("path", Text, nullable=False),
    Column("line", BigInteger, nullable=False),
    Column("title", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("severity", SmallInteger, nullable=False),
    Column("category", String(24), nullable=False),
    Column("source", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("comment_id", BigInteger),
    Column("url", Text, nullable=False, server_default=""),
    Column("raised_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    # The latest row of `outcomes`, so that lists and sums need not look for it.
    Column("outcome", String(16), nullable=False, server_default="unknown"),
    Column("outcome_at", BigInteger),
    UniqueConstraint("repo_id", "number", "fingerprint", name="uq_findings_key"),
    Index("ix_findings_review_id", "review_id"),
    Index("ix_findings_raised_at", "raised_at"),
)

# Append-only: what people did, as often as they changed their mind; the latest row is the outcome.
outcomes = Table(
    "outcomes",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("finding_id", ForeignKey("findings.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("outcome", String(16), nullable=False),
    Column("reason", Text, nullable=False, server_default=""),
    Column("at", BigInteger, nullable=False),
)

cursors = Table(
    "cursors",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
)

# Apart from `findings`, whose state follows what is seen of the thread: a dismissal stays whatever is seen.
dismissals = Table(
    "dismissals",
    metadata,
    Column("repo_id", BigInteger, primary_key=True, autoincrement=False),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("fingerprint", Text, primary_key=True),
    Column("actor", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
)

pauses = Table(
    "pauses",
    metadata,
    Column("repo_id", BigInteger, primary_key=True, autoincrement=False),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("actor", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
)

# Written by triggers, never by the program: see rollup.py. `day` counts UTC days since 1970.
call_days = Table(
    "call_days",
    metadata,
    Column("day", Integer, primary_key=True, autoincrement=False),
    Column("installation_id", BigInteger, primary_key=True, autoincrement=False),
    Column("repository_id", BigInteger, primary_key=True, autoincrement=False),
    Column("repository", Text, primary_key=True),
    Column("actor", Text, primary_key=True),
    Column("provider", Text, primary_key=True),
    Column("model", Text, primary_key=True),
    *(
        Column(name, BigInteger, nullable=False, server_default="0")
        for name in (*rollup.SUM_COLUMNS, *rollup.LATENCY_COLUMNS)
    ),
)

call_reviews = Table(
    "call_reviews",
    metadata,
    Column("review_id", BigInteger, primary_key=True, autoincrement=False),
    *(Column(name, BigInteger, nullable=False, server_default="0") for name in rollup.SUM_COLUMNS),
)

# What lists show of a review's document, which is large.
review_facts = Table(
    "review_facts",
    metadata,
    Column("review_id", ForeignKey("reviews.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("title", Text, nullable=False, server_default=""),
    Column("author", Text, nullable=False, server_default=""),
    Column("repository", Text, nullable=False, server_default=""),
    Column("kind", String(24), nullable=False, server_default=""),
    Column("status", String(24), nullable=False, server_default=""),
    Column("complete", Boolean(create_constraint=False), nullable=False, server_default=false()),
    Column("coverage_permille", SmallInteger, nullable=False, server_default="0"),
    Column("escalations", Integer, nullable=False, server_default="0"),
    Column("stored_at", BigInteger, nullable=False),
)
