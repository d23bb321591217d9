"""Governance of the bank: states of items, changes, verdicts, official wordings."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"

_STATES = "state IN ('draft', 'proposed', 'in_review', 'community_check', 'field_test', 'endorsed', 'active', 'deprecated', 'retired')"
_CLASSES = "computed IN ('none', 'patch', 'minor', 'major') AND chosen IN ('none', 'patch', 'minor', 'major')"
_JSON = postgresql.JSONB(none_as_null=True, astext_type=sa.Text())


def _life() -> list[sa.Column[Any]]:
    now = sa.text("clock_timestamp()")
    return [
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("proposer", sa.String(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), server_default=now, nullable=False),
    ]


def upgrade() -> None:
    op.create_table(
        "item_states",
        sa.Column("item", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        *_life(),
        sa.CheckConstraint(_STATES, name="item_state_is_known"),
        sa.PrimaryKeyConstraint("item", "key", name="item_states_key"),
    )
    # what forms are built from today stays in use
    op.execute(
        "INSERT INTO item_states (item, key, state, proposer, round, note) "
        "SELECT row ->> 'id', row ->> 'key', 'active', '', 0, 'before_governance' "
        "FROM (SELECT document FROM banks ORDER BY imported_at DESC LIMIT 1) AS newest, "
        "jsonb_array_elements(newest.document -> 'items') AS row"
    )
    op.create_table(
        "bank_changes",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("base_sha256", sa.String(), nullable=False),
        sa.Column("computed", sa.String(), nullable=False),
        sa.Column("chosen", sa.String(), nullable=False),
        sa.Column("is_severe", sa.Boolean(), nullable=False),
        sa.Column("document", _JSON, nullable=True),
        *_life(),
        sa.CheckConstraint(_STATES, name="change_state_is_known"),
        sa.CheckConstraint(_CLASSES, name="change_class_is_known"),
        sa.CheckConstraint("(state = 'active') = (document IS NULL)", name="taken_change_is_kept_as_a_bank"),
        sa.PrimaryKeyConstraint("id", name="bank_changes_key"),
    )
    op.create_index(
        "one_open_change_for_one_version",
        "bank_changes",
        ["version"],
        unique=True,
        postgresql_where=sa.text("document IS NOT NULL"),
    )
    op.create_table(
        "verdicts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("step", sa.String(), nullable=False),
        sa.Column("member", sa.Uuid(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("is_yes", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.CheckConstraint("is_yes = (reason = '')", name="a_no_has_a_reason"),
        sa.ForeignKeyConstraint(["member"], ["members.id"], name="verdicts_member_exists"),
        sa.PrimaryKeyConstraint("id", name="verdicts_key"),
    )
    op.create_index("verdicts_of_subject", "verdicts", ["subject", "round"])
    op.create_table(
        "wordings",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("texts", _JSON, nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("dated_on", sa.String(), nullable=False),
        sa.Column("checked_by", sa.String(), nullable=False),
        sa.Column("loaded_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name="wordings_key"),
    )
    op.create_index("wordings_by_language", "wordings", ["language", "loaded_at"])


def downgrade() -> None:
    op.drop_table("wordings")
    op.drop_table("verdicts")
    op.drop_table("bank_changes")
    op.drop_table("item_states")
