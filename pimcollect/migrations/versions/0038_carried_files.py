"""What a carried file was is known after it was shredded here: another one of its name is not taken for it."""

from alembic import op

revision = "0038"
down_revision = "0037"

_NAME = "shredded_file_has_no_content"
_EMPTY = "content IS NULL AND name IS NULL AND shredded_at IS NOT NULL"


def upgrade() -> None:
    op.drop_constraint(_NAME, "media", type_="check")
    op.create_check_constraint(_NAME, "media", f"state <> 'shredded' OR ({_EMPTY})")


def downgrade() -> None:
    op.execute("UPDATE media SET digest = NULL WHERE state = 'shredded'")
    op.drop_constraint(_NAME, "media", type_="check")
    op.create_check_constraint(_NAME, "media", f"state <> 'shredded' OR (digest IS NULL AND {_EMPTY})")
