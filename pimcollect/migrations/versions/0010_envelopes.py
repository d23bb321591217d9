"""Entries that are encrypted envelopes, and for how many files they wait."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.add_column("entries", sa.Column("is_encrypted", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("entries", sa.Column("files_here", sa.Integer(), nullable=True))
    op.add_column("entries", sa.Column("files_named", sa.Integer(), nullable=True))
    op.create_check_constraint(
        "entry_that_waits_for_files_says_for_how_many",
        "entries",
        "state <> 'held' OR reason <> 'files_missing' OR (files_here >= 0 AND files_here < files_named)",
    )


def downgrade() -> None:
    op.drop_constraint("entry_that_waits_for_files_says_for_how_many", "entries")
    for column in ("files_named", "files_here", "is_encrypted"):
        op.drop_column("entries", column)
