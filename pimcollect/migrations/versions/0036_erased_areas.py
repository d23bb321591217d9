"""What was deleted or withdrawn is counted in its first-level area, as a refusal is: it had stood in a finer one."""

from alembic import op

revision = "0036"
down_revision = "0035"

_KINDS = "kind IN ('erased', 'withdrawn') AND place <> ''"
_ABOVE = """
    WITH RECURSIVE above AS (
        SELECT code, code AS up, level, parent FROM places
         UNION
        SELECT above.code, places.code, places.level, places.parent
          FROM above JOIN places ON places.code = above.parent WHERE above.level > 1)
"""


def upgrade() -> None:
    # of a place that is not known any more nothing tells what lies above it: none is named then
    op.execute(f"""
        CREATE TEMPORARY TABLE moved ON COMMIT DROP AS
        {_ABOVE}
        SELECT kind, form, month, coalesce(above.up, '') AS place, detail, sum(n) AS n
          FROM tallies LEFT JOIN above ON above.code = place AND above.level <= 1
         WHERE {_KINDS} GROUP BY 1, 2, 3, 4, 5
    """)
    op.execute(f"DELETE FROM tallies WHERE {_KINDS}")
    op.execute("""
        INSERT INTO tallies (kind, form, month, place, detail, n) SELECT * FROM moved
            ON CONFLICT (kind, form, month, place, detail) DO UPDATE SET n = tallies.n + excluded.n
    """)
    op.execute("DROP TABLE moved")
    op.execute(f"""
        {_ABOVE}
        UPDATE submissions SET place = above.up FROM above
         WHERE erased_at IS NOT NULL AND above.code = place AND above.level <= 1 AND above.up <> place
    """)


def downgrade() -> None:
    """Counts of larger areas do no harm."""
