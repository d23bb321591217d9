"""What phones were refused is counted too: for the whole door by reason, and for each phone that is known."""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"

_AT_HOOKS = "reason IN ('unknown', 'closed', 'wrong_secret', 'network', 'too_large')"
_AT_PHONES = (
    "reason IN ('password', 'old_code', 'ended', 'unknown', 'unreadable', 'unknown_form', 'closed_form', 'too_large',"
    " 'not_yours', 'other_file')"
)


def upgrade() -> None:
    op.add_column("refusals", sa.Column("door", sa.String(), server_default=sa.text("'hooks'"), nullable=False))
    op.alter_column("refusals", "door", server_default=None)
    op.drop_constraint("refusals_key", "refusals", type_="primary")
    op.create_primary_key("refusals_key", "refusals", ["door", "reason"])
    op.drop_constraint("refusal_is_for_a_reason", "refusals", type_="check")
    op.create_check_constraint(
        "refusal_is_for_a_reason", "refusals", f"door = 'hooks' AND {_AT_HOOKS} OR door = 'phones' AND {_AT_PHONES}"
    )
    op.create_table(
        "phone_refusals",
        sa.Column("phone", sa.Uuid(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(f"{_AT_PHONES} AND reason <> 'unknown'", name="phone_is_refused_for_a_reason"),
        sa.ForeignKeyConstraint(["phone"], ["phones.id"], name="phone_refusals_phone_exists"),
        sa.PrimaryKeyConstraint("phone", "reason", name="phone_refusals_key"),
    )
    op.add_column("phones", sa.Column("ended_hash", sa.String(), nullable=True))
    op.create_unique_constraint("phones_unique_ended_hash", "phones", ["ended_hash"])
    op.create_index("phones_by_name", "phones", ["name"])


def downgrade() -> None:
    op.drop_index("phones_by_name", "phones")
    op.drop_constraint("phones_unique_ended_hash", "phones", type_="unique")
    op.drop_column("phones", "ended_hash")
    op.drop_table("phone_refusals")
    op.execute("DELETE FROM refusals WHERE door <> 'hooks'")
    op.drop_constraint("refusal_is_for_a_reason", "refusals", type_="check")
    op.drop_constraint("refusals_key", "refusals", type_="primary")
    op.drop_column("refusals", "door")
    op.create_primary_key("refusals_key", "refusals", ["reason"])
    op.create_check_constraint("refusal_is_for_a_reason", "refusals", _AT_HOOKS)
