"""The first of many submissions that answered alike is found by the index, without looking at the others."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    op.drop_index("submissions_alike", "submissions")
    columns = ["form", "alike", "decided_at", "id"]
    op.create_index("submissions_alike", "submissions", columns, postgresql_where=sa.text("alike IS NOT NULL"))


def downgrade() -> None:
    op.drop_index("submissions_alike", "submissions")
    op.create_index(
        "submissions_alike", "submissions", ["form", "alike"], postgresql_where=sa.text("alike IS NOT NULL")
    )
