"""By which keys a database has been used, and what the running service works with."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    op.create_table(
        "key_marks",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("mark", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="key_marks_key"),
    )
    op.add_column("beats", sa.Column("told", JSONB(), nullable=True))


def downgrade() -> None:
    op.drop_column("beats", "told")
    op.drop_table("key_marks")
