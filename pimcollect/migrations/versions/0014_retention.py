"""Settled entries are found by age, so that they can be purged."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.create_index("entries_settled", "entries", ["settled_at"], postgresql_where=sa.text("state = 'settled'"))


def downgrade() -> None:
    op.drop_index("entries_settled", "entries")
