"""What the pages of doors and of what is held say of where something goes and of what was done."""

from __future__ import annotations

from flask_babel import lazy_gettext as _

HOOK_PLACES = {
    "kobo": _("In Kobo: Settings > REST services > Register a new service. Type JSON, the header as a custom one."),
    "ona": _("In Ona: the form's Settings > Apps > Webhook, type JSON."),
    "central": _("In the installer of ODK Central's webhook: the address of each event, and the API key."),
    "odk": _("To be entered at the sender."),
}
"""Where an address and its header are entered."""
HOOK_LACKS = {
    "hint": _("Not enough alone: what this server posts is only a hint. The form must be connected too."),
    "envelope": _("Not enough alone: phones encrypt this form, and a hook brings the envelope without its files."),
    "pictures": _("Not enough alone: this form keeps pictures for a case, and a hook brings no files."),
}
"""Why a hook alone is not enough."""
DONE = {
    "once": _(
        "This was done already, or somebody changed it meanwhile. A secret is shown once; if lost, make another."
    ),
    "once_code": _(
        "This was done already, or somebody changed it meanwhile. A code is shown once; if lost, make another."
    ),
    "closed": _("Closed: whoever still posts there is refused."),
    "ended": _("Ended: its next request is refused. What is on the phone itself is still there."),
    "fetch": _("Asked for: it is being fetched now. Look again in a moment."),
    "replayed": _("It is tried again now. If it cannot be settled, it comes back here."),
    "discarded": _("Shredded. That it was here stays on record."),
}
"""What a page says when it comes back after something was done."""
