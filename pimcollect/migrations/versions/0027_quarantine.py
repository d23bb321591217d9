"""Files that their submission does not name are kept apart, sealed, for some days."""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"


def upgrade() -> None:
    op.drop_constraint("file_state_is_known", "media")
    op.create_check_constraint(
        "file_state_is_known", "media", "state IN ('waiting', 'kept', 'shredded', 'quarantined')"
    )
    op.create_index("media_quarantined", "media", ["received_at"], postgresql_where=sa.text("state = 'quarantined'"))


def downgrade() -> None:
    op.drop_index("media_quarantined", "media")
    op.execute("DELETE FROM media WHERE state = 'quarantined'")
    op.drop_constraint("file_state_is_known", "media")
    op.create_check_constraint("file_state_is_known", "media", "state IN ('waiting', 'kept', 'shredded')")
