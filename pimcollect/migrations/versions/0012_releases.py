"""Releases of versions to connected servers, and the hooks that are registered there."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0012"
down_revision = "0011"

_JSON = postgresql.JSONB(none_as_null=True, astext_type=sa.Text())


def upgrade() -> None:
    now = sa.text("clock_timestamp()")
    op.create_table(
        "releases",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Uuid(), nullable=False),
        sa.Column("connection", sa.Uuid(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("step", sa.String(), nullable=False),
        sa.Column("has_hook", sa.Boolean(), nullable=False),
        sa.Column("accepts_warnings", sa.Boolean(), nullable=False),
        sa.Column("upload", sa.String(), nullable=True),
        sa.Column("upload_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("put", _JSON, nullable=False),
        sa.Column("is_touched", sa.Boolean(), nullable=False),
        sa.Column("trial", sa.String(), nullable=True),
        sa.Column("original", _JSON, nullable=True),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("words", sa.String(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), server_default=now, nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), server_default=now, nullable=False),
        sa.Column("holder", sa.Uuid(), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("found", _JSON, nullable=False),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("state IN ('waiting', 'done', 'stopped', 'replaced')", name="release_state_is_known"),
        sa.CheckConstraint("state <> 'stopped' OR reason IS NOT NULL", name="stopped_release_says_why"),
        sa.CheckConstraint(
            "state <> 'done' OR (original IS NOT NULL AND done_at IS NOT NULL)", name="done_release_is_seen"
        ),
        sa.CheckConstraint("(holder IS NULL) = (lease_until IS NULL)", name="held_release_has_a_lease"),
        sa.CheckConstraint("length(words) <= 400", name="words_of_a_server_are_few"),
        sa.ForeignKeyConstraint(["version"], ["form_versions.id"], name="releases_version_exists"),
        sa.ForeignKeyConstraint(["connection"], ["connections.id"], name="releases_connection_exists"),
        sa.PrimaryKeyConstraint("id", name="releases_key"),
    )
    op.create_index("releases_by_connection", "releases", ["connection"])
    op.create_index("one_release_of_one_version_to_one_place", "releases", ["version", "connection"], unique=True)
    op.create_index(
        "one_release_at_a_time_to_one_place",
        "releases",
        ["connection"],
        unique=True,
        postgresql_where=sa.text("state = 'waiting'"),
    )
    op.create_table(
        "registered_hooks",
        sa.Column("connection", sa.Uuid(), nullable=False),
        sa.Column("hook", sa.Uuid(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["connection"], ["connections.id"], name="registered_hooks_connection_exists"),
        sa.ForeignKeyConstraint(["hook"], ["hooks.id"], name="registered_hooks_hook_exists"),
        sa.PrimaryKeyConstraint("connection", name="registered_hooks_key"),
        sa.UniqueConstraint("hook", name="registered_hooks_unique_hook"),
    )


def downgrade() -> None:
    op.drop_table("registered_hooks")
    op.drop_table("releases")
