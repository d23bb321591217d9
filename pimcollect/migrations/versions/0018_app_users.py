"""App users of ODK Central that somebody waits for."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    op.create_table(
        "app_users",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("connection", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("refused", sa.String(), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("asked_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("length(name) BETWEEN 1 AND 100", name="app_user_has_a_name"),
        sa.CheckConstraint("sealed IS NULL OR answered_at IS NOT NULL", name="sealed_token_was_answered"),
        sa.ForeignKeyConstraint(["connection"], ["connections.id"], name="app_users_connection_exists"),
        sa.PrimaryKeyConstraint("id", name="app_users_key"),
    )
    op.create_index("app_users_by_connection", "app_users", ["connection"])


def downgrade() -> None:
    op.drop_table("app_users")
