"""Things that are visited again: the lists that phones fetch, their rows, and what each submission says of a row."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0022"
down_revision = "0021"


def _json(name: str, *, nullable: bool) -> sa.Column:  # type: ignore[type-arg]
    return sa.Column(name, postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=nullable)


def upgrade() -> None:
    op.create_table(
        "entity_lists",
        sa.Column("name", sa.String(), nullable=False),
        _json("properties", nullable=False),
        sa.Column("revision", sa.Integer(), server_default="1", nullable=False),
        sa.Column("md5", sa.String(), nullable=True),
        sa.Column("md5_of", sa.Integer(), nullable=True),
        sa.CheckConstraint("(md5 IS NULL) = (md5_of IS NULL)", name="entity_list_says_what_its_digest_is_of"),
        sa.PrimaryKeyConstraint("name", name="entity_lists_key"),
    )
    op.create_table(
        "entities",
        sa.Column("list", sa.String(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), server_default="0", nullable=False),
        sa.Column("label", sa.String(), nullable=True),
        _json("properties", nullable=True),
        sa.Column("has_conflict", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("(label IS NULL) = (properties IS NULL)", name="entity_is_there_or_it_is_not"),
        sa.CheckConstraint("erased_at IS NULL OR label IS NULL", name="erased_entity_is_empty"),
        sa.ForeignKeyConstraint(["list"], ["entity_lists.name"], name="entities_list_exists"),
        sa.PrimaryKeyConstraint("list", "id", name="entities_key"),
    )
    op.create_table(
        "entity_changes",
        sa.Column("number", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("submission", sa.Uuid(), nullable=False),
        sa.Column("list", sa.String(), nullable=False),
        sa.Column("entity", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("label", sa.String(), nullable=True),
        _json("properties", nullable=False),
        sa.Column("base", sa.Integer(), nullable=True),
        sa.Column("trunk", sa.Integer(), nullable=True),
        sa.Column("branch", sa.String(), nullable=True),
        sa.Column("standing", sa.String(), nullable=False),
        sa.Column("made", sa.Integer(), nullable=True),
        sa.CheckConstraint("kind IN ('create', 'update')", name="entity_change_is_of_a_known_kind"),
        sa.CheckConstraint("standing IN ('waiting', 'applied', 'conflict')", name="entity_change_stands_somewhere"),
        sa.CheckConstraint("(standing = 'waiting') = (made IS NULL)", name="placed_entity_change_says_where"),
        sa.ForeignKeyConstraint(["submission"], ["submissions.id"], name="entity_changes_submission_exists"),
        sa.ForeignKeyConstraint(
            ["list", "entity"], ["entities.list", "entities.id"], name="entity_changes_entity_exists"
        ),
        sa.PrimaryKeyConstraint("number", name="entity_changes_key"),
        sa.UniqueConstraint("submission", "list", "entity", name="one_change_of_an_entity_by_a_submission"),
    )
    op.create_index("entity_changes_of_entity", "entity_changes", ["list", "entity"])


def downgrade() -> None:
    op.drop_table("entity_changes")
    op.drop_table("entities")
    op.drop_table("entity_lists")
