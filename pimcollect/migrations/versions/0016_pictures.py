"""Pictures that belong to a case."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    op.create_table(
        "pictures",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("question", sa.String(), nullable=False),
        sa.Column("form", sa.String(), nullable=False),
        sa.Column("identity", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("name", sa.LargeBinary(), nullable=True),
        sa.Column("files_seen", sa.Integer(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("wanted_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.CheckConstraint("state IN ('awaited', 'kept', 'refused', 'shredded')", name="picture_state_is_known"),
        sa.CheckConstraint("(state = 'kept') = (sealed IS NOT NULL)", name="only_a_kept_picture_has_content"),
        sa.CheckConstraint("(state = 'refused') = (reason IS NOT NULL)", name="refused_picture_says_why"),
        sa.CheckConstraint("(state = 'awaited') = (name IS NOT NULL)", name="only_an_awaited_picture_names_its_file"),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name="pictures_case_id_exists"),
        sa.PrimaryKeyConstraint("id", name="pictures_key"),
    )
    op.create_index("pictures_of_case", "pictures", ["case_id"])
    op.create_index("pictures_awaited", "pictures", ["form", "identity"], postgresql_where=sa.text("state = 'awaited'"))


def downgrade() -> None:
    op.drop_table("pictures")
