"""Entries that no hook brought (phone, pull, carried), and the sealed files that come with an entry."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.alter_column("entries", "hook", nullable=True)
    op.add_column("entries", sa.Column("server", sa.String(), nullable=True))
    op.add_column("entries", sa.Column("via", sa.String(), nullable=True))
    op.add_column("entries", sa.Column("content", sa.String(), nullable=True))
    op.add_column("entries", sa.Column("replaces", sa.String(), nullable=True))
    op.add_column("entries", sa.Column("waits_until", sa.DateTime(timezone=True), nullable=True))
    op.execute("UPDATE entries SET via = 'hook', server = hooks.server FROM hooks WHERE hooks.id = entries.hook")
    op.alter_column("entries", "server", nullable=False)
    op.alter_column("entries", "via", nullable=False)
    op.create_check_constraint("entry_came_by_a_known_way", "entries", "via IN ('hook', 'phone', 'pull', 'carried')")
    op.create_check_constraint("only_a_hook_s_entry_names_a_hook", "entries", "(via = 'hook') = (hook IS NOT NULL)")
    op.create_index(
        "one_edit_of_one_edition_by_phone",
        "entries",
        ["form", "replaces"],
        unique=True,
        postgresql_where=sa.text("replaces IS NOT NULL"),
    )
    op.create_table(
        "media",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("form", sa.String(), nullable=False),
        sa.Column("identity", sa.String(), nullable=False),
        sa.Column("name_digest", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=True),
        sa.Column("name", sa.LargeBinary(), nullable=True),
        sa.Column("content", sa.LargeBinary(), nullable=True),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column(
            "received_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("shredded_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("state IN ('waiting', 'kept', 'shredded')", name="file_state_is_known"),
        sa.CheckConstraint(
            "state <> 'shredded' OR (content IS NULL AND name IS NULL AND digest IS NULL AND shredded_at IS NOT NULL)",
            name="shredded_file_has_no_content",
        ),
        sa.CheckConstraint(
            "state = 'shredded' OR (content IS NOT NULL AND name IS NOT NULL)", name="waiting_file_has_content"
        ),
        sa.CheckConstraint("size BETWEEN 0 AND 104857600", name="file_is_bounded"),
        sa.ForeignKeyConstraint(["form"], ["forms.id"], name="media_form_exists"),
        sa.PrimaryKeyConstraint("id", name="media_key"),
        sa.UniqueConstraint("form", "identity", "name_digest", name="one_file_of_a_name_for_one_edition"),
    )
    op.create_index(
        "media_waiting", "media", ["received_at"], unique=False, postgresql_where=sa.text("state = 'waiting'")
    )


def downgrade() -> None:
    op.drop_table("media")
    # the older tables have no place for what no hook brought
    op.execute("DELETE FROM entries WHERE via <> 'hook'")
    op.drop_index("one_edit_of_one_edition_by_phone", table_name="entries")
    op.drop_constraint("only_a_hook_s_entry_names_a_hook", "entries")
    op.drop_constraint("entry_came_by_a_known_way", "entries")
    for column in ("waits_until", "replaces", "content", "via", "server"):
        op.drop_column("entries", column)
    op.alter_column("entries", "hook", nullable=False)
