"""Refusals are counted anew: edits and deletions had left their tallies behind."""

from alembic import op

revision = "0031"
down_revision = "0030"


def upgrade() -> None:
    op.execute("DELETE FROM tallies WHERE kind = 'refused'")
    op.execute("""
        INSERT INTO tallies (kind, form, month, place, detail, n)
        SELECT 'refused', form, month, coalesce(place, ''), '', count(*) FROM submissions
         WHERE state = 'tombstone' AND erased_at IS NULL GROUP BY form, month, coalesce(place, '')
    """)


def downgrade() -> None:
    """Counts that are right do no harm."""
