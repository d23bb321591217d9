"""What was deleted or withdrawn is counted in its first-level area, as a refusal is: it had stood in a finer one."""

from alembic import op

revision = "0036"
down_revision = "0035"


def upgrade() -> None:
    op.execute("""
        CREATE TEMPORARY TABLE above ON COMMIT DROP AS
        WITH RECURSIVE climbed AS (
            SELECT code, code AS up, level, parent FROM places
             UNION
            SELECT climbed.code, places.code, places.level, places.parent
              FROM climbed JOIN places ON places.code = climbed.parent WHERE climbed.level > 1)
        SELECT code, up FROM climbed WHERE level <= 1
    """)
    # of a place that is not known any more nothing tells what lies above it: none is named then
    op.execute("""
        CREATE TEMPORARY TABLE moved ON COMMIT DROP AS
        SELECT kind, form, month, coalesce(up, '') AS place, detail, sum(n) AS n
          FROM tallies LEFT JOIN above ON above.code = place
         WHERE kind IN ('erased', 'withdrawn') AND place <> '' GROUP BY kind, form, month, up, detail
    """)
    op.execute("DELETE FROM tallies WHERE kind IN ('erased', 'withdrawn') AND place <> ''")
    op.execute("""
        INSERT INTO tallies (kind, form, month, place, detail, n) SELECT * FROM moved
            ON CONFLICT (kind, form, month, place, detail) DO UPDATE SET n = tallies.n + excluded.n
    """)
    op.execute("""
        UPDATE submissions SET place = up FROM above
         WHERE erased_at IS NOT NULL AND above.code = place AND up <> place
    """)
    op.execute("DROP TABLE above, moved")


def downgrade() -> None:
    """Counts of larger areas do no harm."""
