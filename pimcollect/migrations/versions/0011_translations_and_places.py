"""Who brought and who approved a translation; dates, crosswalk and aliases of places."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0011"
down_revision = "0010"

_JSON = postgresql.JSONB(none_as_null=True, astext_type=sa.Text())
_ENDS = "valid_to IS NULL OR valid_from IS NULL OR valid_to >= valid_from"


def upgrade() -> None:
    op.create_table(
        "translation_marks",
        sa.Column("mark", sa.String(), nullable=False),
        sa.Column("part", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("brought_by", sa.String(), nullable=False),
        sa.Column(
            "brought_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("approved_by", sa.Uuid(), nullable=True),
        sa.Column("approved_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("(approved_by IS NULL) = (approved_at IS NULL)", name="an_approval_has_a_person_and_a_time"),
        sa.CheckConstraint(
            "approved_by IS NULL OR approved_by::text <> brought_by", name="nobody_approves_their_own_translation"
        ),
        sa.ForeignKeyConstraint(["approved_by"], ["members.id"], name="translation_marks_approved_by_exists"),
        sa.PrimaryKeyConstraint("mark", name="translation_marks_key"),
    )
    op.add_column("places", sa.Column("valid_from", sa.Date(), nullable=True))
    op.add_column("places", sa.Column("valid_to", sa.Date(), nullable=True))
    for name in ("replaced_by", "aliases"):
        op.add_column("places", sa.Column(name, _JSON, server_default=sa.text("'[]'"), nullable=False))
    op.create_check_constraint("place_ends_after_it_begins", "places", _ENDS)


def downgrade() -> None:
    op.drop_constraint("place_ends_after_it_begins", "places", type_="check")
    for name in ("aliases", "replaced_by", "valid_to", "valid_from"):
        op.drop_column("places", name)
    op.drop_table("translation_marks")
