"""Deliveries lock no row that others share: what they name is never deleted, instead of being locked for each of them."""

from alembic import op

revision = "0029"
down_revision = "0028"

_KEPT = ("forms", "hooks", "phones")
_NAMED = (
    ("entries_form_exists", "forms", "form"),
    ("entries_hook_exists", "hooks", "hook"),
    ("entries_phone_exists", "phones", "phone"),
)


def upgrade() -> None:
    op.execute("""
        CREATE FUNCTION refuse_deletion() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION 'rows of % are closed or revoked, never deleted or renamed', TG_TABLE_NAME
                  USING ERRCODE = 'restrict_violation';
        END $$
    """)
    for table in _KEPT:
        op.execute(f"""
            CREATE TRIGGER {table}_are_never_deleted BEFORE DELETE OR UPDATE OF id ON {table}
            FOR EACH ROW EXECUTE FUNCTION refuse_deletion()
        """)
    for name, _, _ in _NAMED:
        op.drop_constraint(name, "entries")


def downgrade() -> None:
    for name, table, column in _NAMED:
        op.create_foreign_key(name, "entries", table, [column], ["id"])
    for table in _KEPT:
        op.execute(f"DROP TRIGGER {table}_are_never_deleted ON {table}")
    op.execute("DROP FUNCTION refuse_deletion()")
