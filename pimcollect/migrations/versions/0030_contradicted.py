"""What a held entry contradicts, so that people know what to ask and whom."""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"


def upgrade() -> None:
    op.add_column("entries", sa.Column("contradicts", sa.String(), nullable=True))
    op.add_column("entries", sa.Column("contradicts_entry", sa.Uuid(), nullable=True))


def downgrade() -> None:
    op.drop_column("entries", "contradicts_entry")
    op.drop_column("entries", "contradicts")
