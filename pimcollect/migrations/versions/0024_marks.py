"""What phones sent and what hooks' addresses refused is counted as it comes, not when somebody looks."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    op.create_table(
        "refusals",
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "reason IN ('unknown', 'closed', 'wrong_secret', 'network', 'too_large')", name="refusal_is_for_a_reason"
        ),
        sa.PrimaryKeyConstraint("reason", name="refusals_key"),
    )
    op.add_column("hooks", sa.Column("refused_reason", sa.String(), nullable=True))
    op.add_column("phones", sa.Column("arrived", sa.Integer(), server_default=sa.text("0"), nullable=False))
    op.add_column("phones", sa.Column("arrived_at", sa.DateTime(timezone=True), nullable=True))
    op.execute("""
        UPDATE phones SET arrived = sent.n, arrived_at = sent.last_at
          FROM (SELECT phone, count(*) AS n, max(received_at) AS last_at FROM entries
                 WHERE phone IS NOT NULL GROUP BY phone) AS sent
         WHERE sent.phone = phones.id
    """)
    op.create_index("submissions_present", "submissions", ["form"], postgresql_where=sa.text("erased_at IS NULL"))


def downgrade() -> None:
    op.drop_index("submissions_present", "submissions")
    op.drop_column("phones", "arrived_at")
    op.drop_column("phones", "arrived")
    op.drop_column("hooks", "refused_reason")
    op.drop_table("refusals")
