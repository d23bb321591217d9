"""What pulls and editions need: roots that servers tell, editions that wait, erased submissions, possible twins."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.add_column("connections", sa.Column("asked_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("connections", sa.Column("may_erase", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.alter_column("connections", "may_erase", server_default=None)
    op.create_index("copies_by_edition", "copies", ["edition_id"])
    for name in ("root_id", "follows", "waits_for"):
        op.add_column("entries", sa.Column(name, sa.String(), nullable=True))
    waiting = sa.text("state = 'held' AND waits_for IS NOT NULL")
    op.create_index("entries_waiting_for", "entries", ["form", "waits_for"], postgresql_where=waiting)
    op.add_column("submissions", sa.Column("alike", sa.String(), nullable=True))
    op.add_column("submissions", sa.Column("twin", sa.Uuid(), nullable=True))
    op.add_column("submissions", sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True))
    op.create_foreign_key("submissions_twin_exists", "submissions", "submissions", ["twin"], ["id"])
    op.create_index("submissions_by_twin", "submissions", ["twin"])
    is_known = sa.text("alike IS NOT NULL")
    op.create_index("submissions_alike", "submissions", ["form", "alike"], postgresql_where=is_known)
    is_tombstone = "erased_at IS NULL OR state = 'tombstone'"
    op.create_check_constraint("erased_submission_is_a_tombstone", "submissions", is_tombstone)
    op.create_check_constraint("tombstone_is_like_nothing", "submissions", "state <> 'tombstone' OR alike IS NULL")
    op.add_column("referrals", sa.Column("twin", sa.Uuid(), nullable=True))
    op.create_foreign_key("referrals_twin_exists", "referrals", "referrals", ["twin"], ["id"])
    op.create_index("referrals_by_twin", "referrals", ["twin"])


def downgrade() -> None:
    op.drop_column("referrals", "twin")
    for name in ("erased_submission_is_a_tombstone", "tombstone_is_like_nothing"):
        op.drop_constraint(name, "submissions")
    for name in ("erased_at", "twin", "alike"):
        op.drop_column("submissions", name)
    for name in ("waits_for", "follows", "root_id"):
        op.drop_column("entries", name)
    op.drop_index("copies_by_edition", "copies")
    op.drop_column("connections", "may_erase")
    op.drop_column("connections", "asked_at")
