"""Key pairs of encrypted forms."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.create_table(
        "form_keys",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("form", sa.String(), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("length(fingerprint) = 64", name="form_key_has_a_fingerprint"),
        sa.PrimaryKeyConstraint("id", name="form_keys_key"),
        sa.UniqueConstraint("fingerprint", name="form_keys_unique_fingerprint"),
    )
    op.create_index("form_keys_of_form", "form_keys", ["form", "created_at"])


def downgrade() -> None:
    op.drop_table("form_keys")
