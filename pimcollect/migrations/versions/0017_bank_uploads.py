"""Banks that were previewed and not confirmed yet."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    op.create_table(
        "bank_uploads",
        sa.Column("member", sa.Uuid(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("document", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.ForeignKeyConstraint(["member"], ["members.id"], name="bank_uploads_member_exists"),
        sa.PrimaryKeyConstraint("member", name="bank_uploads_key"),
    )


def downgrade() -> None:
    op.drop_table("bank_uploads")
