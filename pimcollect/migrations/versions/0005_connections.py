"""Connected servers, and the submissions that they are known to hold."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"

_JSON = postgresql.JSONB(none_as_null=True, astext_type=sa.Text())


def upgrade() -> None:
    now = sa.text("clock_timestamp()")
    op.create_table(
        "connections",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("server", sa.String(), nullable=False),
        sa.Column("form", sa.String(), nullable=False),
        sa.Column("base", sa.String(), nullable=False),
        sa.Column("there", sa.String(), nullable=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("opened_at", sa.DateTime(timezone=True), server_default=now, nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cursor", _JSON, nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), server_default=now, nullable=False),
        sa.Column("tried_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("pulled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("compared_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("count_there", sa.Integer(), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.CheckConstraint("(sealed IS NULL) = (closed_at IS NOT NULL)", name="closed_connection_has_no_token"),
        sa.CheckConstraint("failures = 0 OR reason IS NOT NULL", name="failing_connection_says_why"),
        sa.ForeignKeyConstraint(["form"], ["forms.id"], name="connections_form_exists"),
        sa.PrimaryKeyConstraint("id", name="connections_key"),
    )
    op.create_index("connections_by_form", "connections", ["form"])
    op.create_index(
        "one_open_connection_for_one_form_there",
        "connections",
        ["server", "base", "there"],
        unique=True,
        postgresql_where=sa.text("closed_at IS NULL AND there IS NOT NULL"),
    )
    op.create_index("connections_due", "connections", ["next_at"], postgresql_where=sa.text("closed_at IS NULL"))
    op.create_table(
        "copies",
        sa.Column("connection", sa.Uuid(), nullable=False),
        sa.Column("there", sa.String(), nullable=False),
        sa.Column("root_id", sa.String(), nullable=False),
        sa.Column("edition_id", sa.String(), nullable=False),
        sa.Column("mark", sa.String(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), server_default=now, nullable=False),
        sa.ForeignKeyConstraint(["connection"], ["connections.id"], name="copies_connection_exists"),
        sa.PrimaryKeyConstraint("connection", "there", name="copies_key"),
    )
    op.create_index("copies_by_root", "copies", ["root_id"])


def downgrade() -> None:
    op.drop_table("copies")
    op.drop_table("connections")
