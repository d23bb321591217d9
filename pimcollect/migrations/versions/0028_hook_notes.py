"""Whose hook it is, in a few words of whoever opened it."""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"


def upgrade() -> None:
    op.add_column("hooks", sa.Column("note", sa.String(), nullable=True))
    op.create_check_constraint("hook_note_is_short", "hooks", "char_length(note) BETWEEN 1 AND 100")


def downgrade() -> None:
    op.drop_constraint("hook_note_is_short", "hooks")
    op.drop_column("hooks", "note")
