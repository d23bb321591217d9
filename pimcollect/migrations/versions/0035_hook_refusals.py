"""What a hook refused is counted for each reason: the last one alone had stood for all of them."""

import sqlalchemy as sa
from alembic import op

revision = "0035"
down_revision = "0034"


def upgrade() -> None:
    op.create_table(
        "hook_refusals",
        sa.Column("hook", sa.Uuid(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "reason IN ('closed', 'wrong_secret', 'network', 'too_large')", name="hook_refuses_for_a_reason"
        ),
        sa.ForeignKeyConstraint(["hook"], ["hooks.id"], name="hook_refusals_hook_exists"),
        sa.PrimaryKeyConstraint("hook", "reason", name="hook_refusals_key"),
    )
    op.execute("""
        INSERT INTO hook_refusals (hook, reason, n, last_at)
        SELECT id, coalesce(refused_reason, 'wrong_secret'), refused, coalesce(refused_at, now())
          FROM hooks WHERE refused > 0
    """)
    for name in ("refused_reason", "refused_at", "refused"):
        op.drop_column("hooks", name)


def downgrade() -> None:
    op.add_column("hooks", sa.Column("refused", sa.Integer(), server_default=sa.text("0"), nullable=False))
    op.add_column("hooks", sa.Column("refused_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("hooks", sa.Column("refused_reason", sa.String(), nullable=True))
    op.execute("""
        UPDATE hooks SET refused = told.n, refused_at = told.at, refused_reason = told.reason
          FROM (SELECT hook, sum(n) AS n, max(last_at) AS at, (array_agg(reason ORDER BY last_at DESC))[1] AS reason
                  FROM hook_refusals GROUP BY hook) AS told
         WHERE hooks.id = told.hook
    """)
    op.drop_table("hook_refusals")
