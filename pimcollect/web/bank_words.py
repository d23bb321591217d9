"""Words of the pages on which forms come into the bank and are compared by it."""

from __future__ import annotations

from flask_babel import lazy_gettext as _

OVERLAPS = {
    "shared key": _("Shared keys: counted together"),
    "other unit": _("The same thing in another unit: never average these"),
    "nearly the same": _("Nearly the same question, under no shared key"),
}
DECISIONS = {"same": _("in the bank already"), "new": _("new"), "leave": _("stays with the form")}
DISCLOSURES = {
    "none": _("nothing"),
    "quasi": _("together with others, who it is"),
    "sens": _("something that can harm"),
    "comm": _("of a community, not of a person"),
    "direct": _("directly who it is"),
}
