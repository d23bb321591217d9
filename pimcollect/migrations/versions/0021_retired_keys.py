"""Intake keys that are retired: nothing sealed to one is taken any more, or its private half could never be removed."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"

_SEALED = (
    ("entries", "body"),
    ("media", "content"),
    ("media", "name"),
    ("pictures", "name"),
    ("form_keys", "sealed"),
    ("connections", "sealed"),
    ("registered_hooks", "sealed"),
)


def upgrade() -> None:
    op.create_table(
        "retired_keys",
        sa.Column("key_id", sa.LargeBinary(), nullable=False),
        sa.Column(
            "retired_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.CheckConstraint("length(key_id) = 8", name="retired_key_is_named_by_its_id"),
        sa.PrimaryKeyConstraint("key_id", name="retired_keys_key"),
    )
    for table, column in _SEALED:
        name = f"refuse_retired_key_in_{table}_{column}"
        op.execute(f"""
            CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                IF EXISTS (SELECT FROM retired_keys WHERE key_id = substring(NEW.{column} FROM 1 FOR 8)) THEN
                    RAISE EXCEPTION 'sealed to a retired key' USING ERRCODE = 'object_not_in_prerequisite_state';
                END IF;
                RETURN NEW;
            END $$
        """)  # noqa: S608 - names of ours
        op.execute(f"""
            CREATE TRIGGER {name} BEFORE INSERT OR UPDATE OF {column} ON {table}
               FOR EACH ROW WHEN (NEW.{column} IS NOT NULL) EXECUTE FUNCTION {name}()
        """)


def downgrade() -> None:
    for table, column in _SEALED:
        name = f"refuse_retired_key_in_{table}_{column}"
        op.execute(f"DROP TRIGGER {name} ON {table}")
        op.execute(f"DROP FUNCTION {name}()")
    op.drop_table("retired_keys")
