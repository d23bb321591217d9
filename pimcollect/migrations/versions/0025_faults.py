"""An entry that cannot be read says in which way, by a code from a closed list."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    op.add_column("entries", sa.Column("fault", sa.String(), nullable=True))
    op.create_check_constraint(
        "unreadable_entry_says_in_which_way",
        "entries",
        "fault IN ('empty', 'neither', 'no_object', 'broken', 'several', 'encoding', 'signs', 'twice', 'number',"
        " 'too_deep', 'too_many', 'doctype', 'envelope')",
    )


def downgrade() -> None:
    op.drop_constraint("unreadable_entry_says_in_which_way", "entries")
    op.drop_column("entries", "fault")
