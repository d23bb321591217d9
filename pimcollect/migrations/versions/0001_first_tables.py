"""The first tables: bank, directory, forms, hooks, the sealed inbox, submissions, referrals, journal."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "banks",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("document", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
        sa.Column(
            "imported_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name="banks_key"),
        sa.UniqueConstraint("sha256", name="banks_unique_sha256"),
    )
    op.create_index("banks_by_imported_at", "banks", ["imported_at"], unique=False)
    op.create_table(
        "beats",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name="beats_key"),
    )
    op.create_table(
        "cases",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("opened_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column("shred_after", sa.DateTime(timezone=True), nullable=False),
        sa.Column("shredded_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("(sealed IS NULL) = (shredded_at IS NOT NULL)", name="shredded_case_has_no_content"),
        sa.PrimaryKeyConstraint("id", name="cases_key"),
    )
    op.create_table(
        "forms",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name="forms_key"),
    )
    op.create_table(
        "journal",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("noun", sa.String(), nullable=False),
        sa.Column("noun_id", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="journal_key"),
    )
    op.create_index("journal_by_at", "journal", ["at"], unique=False)
    op.create_table(
        "places",
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("parent", sa.String(), nullable=True),
        sa.Column("names", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
        sa.ForeignKeyConstraint(
            ["parent"], ["places.code"], name="places_parent_exists", initially="DEFERRED", deferrable=True
        ),
        sa.PrimaryKeyConstraint("code", name="places_key"),
    )
    op.create_table(
        "services",
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("organisation", sa.String(), nullable=False),
        sa.Column("contact_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("valid_until", sa.Date(), nullable=True),
        sa.Column("verified_on", sa.Date(), nullable=True),
        sa.Column("is_suspended", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("code", name="services_key"),
    )
    op.create_table(
        "form_versions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("form", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("document", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
        sa.Column("xlsx", sa.LargeBinary(), nullable=False),
        sa.Column("xform", sa.String(), nullable=False),
        sa.Column("frozen_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.ForeignKeyConstraint(["form"], ["forms.id"], name="form_versions_form_exists"),
        sa.PrimaryKeyConstraint("id", name="form_versions_key"),
        sa.UniqueConstraint("form", "sha256", name="form_versions_unique_form_sha256"),
    )
    op.create_table(
        "hooks",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("server", sa.String(), nullable=False),
        sa.Column("form", sa.String(), nullable=False),
        sa.Column("secrets", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "jsonb_typeof(secrets) = 'array' AND jsonb_array_length(secrets) <= 2", name="hook_secrets_are_a_list"
        ),
        sa.ForeignKeyConstraint(["form"], ["forms.id"], name="hooks_form_exists"),
        sa.PrimaryKeyConstraint("id", name="hooks_key"),
        sa.UniqueConstraint("key", name="hooks_unique_key"),
    )
    op.create_index("hooks_by_form", "hooks", ["form"], unique=False)
    op.create_table(
        "pathway_rules",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("pathway", sa.String(), nullable=False),
        sa.Column("service", sa.String(), nullable=False),
        sa.Column("place", sa.String(), nullable=True),
        sa.Column("group", sa.String(), nullable=True),
        sa.Column("sex", sa.String(), nullable=True),
        sa.Column("age", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["place"], ["places.code"], name="pathway_rules_place_exists"),
        sa.ForeignKeyConstraint(["service"], ["services.code"], name="pathway_rules_service_exists"),
        sa.PrimaryKeyConstraint("id", name="pathway_rules_key"),
        sa.UniqueConstraint(
            "pathway", "place", "group", "sex", "age", name="one_rule_for_one_case", postgresql_nulls_not_distinct=True
        ),
    )
    op.create_index("pathway_rules_by_service", "pathway_rules", ["service"], unique=False)
    op.create_table(
        "referrals",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("reference", sa.String(), nullable=False),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("form", sa.String(), nullable=False),
        sa.Column("course", sa.String(), nullable=False),
        sa.Column("pathway", sa.String(), nullable=False),
        sa.Column("urgency", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("service", sa.String(), nullable=True),
        sa.Column("case_id", sa.Uuid(), nullable=True),
        sa.Column("place", sa.String(), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("moved_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column("accepted_by", sa.Uuid(), nullable=True),
        sa.Column("digest", sa.String(), nullable=False),
        sa.CheckConstraint("course = 'referral' OR case_id IS NULL", name="only_a_referral_has_a_case"),
        sa.CheckConstraint(
            "course IN ('referral', 'ticket_no_identity', 'supervisor_alert_no_identity')", name="course_is_known"
        ),
        sa.CheckConstraint("urgency IN ('U', 'H', 'R')", name="urgency_is_known"),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name="referrals_case_id_exists"),
        sa.ForeignKeyConstraint(["form"], ["forms.id"], name="referrals_form_exists"),
        sa.ForeignKeyConstraint(["service"], ["services.code"], name="referrals_service_exists"),
        sa.PrimaryKeyConstraint("id", name="referrals_key"),
        sa.UniqueConstraint("case_id", name="referrals_unique_case_id"),
        sa.UniqueConstraint("origin", name="referrals_unique_origin"),
        sa.UniqueConstraint("reference", name="referrals_unique_reference"),
    )
    op.create_index("referrals_by_due", "referrals", ["due_at"], unique=False)
    op.create_index("referrals_to_follow", "referrals", ["service", "state"], unique=False)
    op.create_table(
        "tallies",
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("form", sa.String(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("place", sa.String(), nullable=False),
        sa.Column("detail", sa.String(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["form"], ["forms.id"], name="tallies_form_exists"),
        sa.PrimaryKeyConstraint("kind", "form", "month", "place", "detail", name="tallies_key"),
    )
    op.create_table(
        "entries",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("hook", sa.Uuid(), nullable=False),
        sa.Column("form", sa.String(), nullable=False),
        sa.Column("identity", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("fullness", sa.Integer(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column(
            "received_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("rung_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("state <> 'held' OR reason IS NOT NULL", name="held_entry_says_why"),
        sa.CheckConstraint("state <> 'settled' OR body IS NULL", name="settled_entry_has_no_body"),
        sa.CheckConstraint("state = 'settled' OR body IS NOT NULL", name="waiting_entry_has_a_body"),
        sa.CheckConstraint("state IN ('untouched', 'settled', 'held')", name="entry_state_is_known"),
        sa.ForeignKeyConstraint(["form"], ["forms.id"], name="entries_form_exists"),
        sa.ForeignKeyConstraint(["hook"], ["hooks.id"], name="entries_hook_exists"),
        sa.PrimaryKeyConstraint("id", name="entries_key"),
        sa.UniqueConstraint("form", "identity", name="one_entry_for_one_edition"),
    )
    op.create_index(
        "entries_held", "entries", ["received_at"], unique=False, postgresql_where=sa.text("state = 'held'")
    )
    op.create_index(
        "entries_untouched",
        "entries",
        ["attempts", "received_at"],
        unique=False,
        postgresql_where=sa.text("state = 'untouched'"),
    )
    op.create_table(
        "notices",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("referral", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("edition", sa.Integer(), nullable=False),
        sa.Column("service", sa.String(), nullable=True),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("may_be_told", sa.Boolean(), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("(state = 'sent') = (sent_at IS NOT NULL)", name="sent_notice_has_a_time"),
        sa.CheckConstraint("kind IN ('new', 'amended', 'recalled')", name="notice_kind_is_known"),
        sa.CheckConstraint("state IN ('waiting', 'sent', 'dead')", name="notice_state_is_known"),
        sa.ForeignKeyConstraint(["referral"], ["referrals.id"], name="notices_referral_exists"),
        sa.ForeignKeyConstraint(["service"], ["services.code"], name="notices_service_exists"),
        sa.PrimaryKeyConstraint("id", name="notices_key"),
        sa.UniqueConstraint("referral", "kind", "edition", name="one_notice_for_one_event"),
    )
    op.create_index("notices_by_referral", "notices", ["referral"], unique=False)
    op.create_index(
        "notices_waiting", "notices", ["next_at"], unique=False, postgresql_where=sa.text("state = 'waiting'")
    )
    op.create_table(
        "referral_moves",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("referral", sa.Uuid(), nullable=False),
        sa.Column("was", sa.String(), nullable=True),
        sa.Column("became", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.ForeignKeyConstraint(["referral"], ["referrals.id"], name="referral_moves_referral_exists"),
        sa.PrimaryKeyConstraint("id", name="referral_moves_key"),
    )
    op.create_index("referral_moves_by_referral", "referral_moves", ["referral"], unique=False)
    op.create_table(
        "reveals",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("referral", sa.Uuid(), nullable=False),
        sa.Column("member", sa.Uuid(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("refused", sa.String(), nullable=True),
        sa.Column("asked_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("shown_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("length(reason) > 0", name="reveal_has_a_reason"),
        sa.ForeignKeyConstraint(["referral"], ["referrals.id"], name="reveals_referral_exists"),
        sa.PrimaryKeyConstraint("id", name="reveals_key"),
    )
    op.create_index(
        "reveals_asked",
        "reveals",
        ["asked_at"],
        unique=False,
        postgresql_where=sa.text("answered_at IS NULL AND refused IS NULL"),
    )
    op.create_index("reveals_by_referral", "reveals", ["referral"], unique=False)
    op.create_table(
        "submissions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("form", sa.String(), nullable=False),
        sa.Column("form_version", sa.Uuid(), nullable=False),
        sa.Column("root_id", sa.String(), nullable=False),
        sa.Column("edition_id", sa.String(), nullable=False),
        sa.Column("superseded", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("place", sa.String(), nullable=True),
        sa.Column("may_share", sa.Boolean(), nullable=False),
        sa.Column("screening", sa.String(), nullable=True),
        sa.Column("shared", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("restricted", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("findings", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column(
            "decided_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.CheckConstraint("state <> 'kept' OR shared IS NOT NULL", name="kept_submission_has_answers"),
        sa.CheckConstraint(
            "state <> 'tombstone' OR (shared IS NULL AND restricted IS NULL AND findings IS NULL AND NOT may_share)",
            name="tombstone_has_no_answers",
        ),
        sa.CheckConstraint("state IN ('kept', 'tombstone')", name="submission_state_is_known"),
        sa.ForeignKeyConstraint(["form"], ["forms.id"], name="submissions_form_exists"),
        sa.ForeignKeyConstraint(["form_version"], ["form_versions.id"], name="submissions_form_version_exists"),
        sa.PrimaryKeyConstraint("id", name="submissions_key"),
        sa.UniqueConstraint("form", "root_id", name="one_submission_for_one_root"),
    )
    op.create_index("submissions_by_edition", "submissions", ["edition_id"])
    op.create_index("submissions_by_superseded", "submissions", ["superseded"], postgresql_using="gin")
    op.create_index("submissions_of_form_by_month", "submissions", ["form", "month"], unique=False)


def downgrade() -> None:
    op.drop_index("submissions_of_form_by_month", table_name="submissions")
    op.drop_table("submissions")
    op.drop_index("reveals_by_referral", table_name="reveals")
    op.drop_index(
        "reveals_asked", table_name="reveals", postgresql_where=sa.text("answered_at IS NULL AND refused IS NULL")
    )
    op.drop_table("reveals")
    op.drop_index("referral_moves_by_referral", table_name="referral_moves")
    op.drop_table("referral_moves")
    op.drop_index("notices_waiting", table_name="notices", postgresql_where=sa.text("state = 'waiting'"))
    op.drop_index("notices_by_referral", table_name="notices")
    op.drop_table("notices")
    op.drop_index("entries_untouched", table_name="entries", postgresql_where=sa.text("state = 'untouched'"))
    op.drop_index("entries_held", table_name="entries", postgresql_where=sa.text("state = 'held'"))
    op.drop_table("entries")
    op.drop_table("tallies")
    op.drop_index("referrals_to_follow", table_name="referrals")
    op.drop_index("referrals_by_due", table_name="referrals")
    op.drop_table("referrals")
    op.drop_index("pathway_rules_by_service", table_name="pathway_rules")
    op.drop_table("pathway_rules")
    op.drop_index("hooks_by_form", table_name="hooks")
    op.drop_table("hooks")
    op.drop_table("form_versions")
    op.drop_table("services")
    op.drop_table("places")
    op.drop_index("journal_by_at", table_name="journal")
    op.drop_table("journal")
    op.drop_table("forms")
    op.drop_table("cases")
    op.drop_table("beats")
    op.drop_index("banks_by_imported_at", table_name="banks")
    op.drop_table("banks")
