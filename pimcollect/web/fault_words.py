"""In which way a held body is unreadable, and the mend, in the words of the page's language."""

from __future__ import annotations

from flask_babel import lazy_gettext as _

BODY_FAULTS = {
    "empty": _("There is nothing in it, or no answer. See what a template at the sender leaves out."),
    "neither": _("It is neither JSON nor XML, perhaps packed or an error page. Set the sender to JSON or XML."),
    "no_object": _("It is a bare word or number. See what the sender is set to send."),
    "broken": _("It is cut off or damaged. If all from this sender are, something on the way cuts them."),
    "several": _("It holds more than one submission. Set the sender to post each by itself."),
    "encoding": _("Its letters are in an encoding that nobody can read. Set the sender to UTF-8."),
    "signs": _("It holds a sign that no text has. Correct the submission at the sending server."),
    "twice": _("A field stands twice in it. Correct the submission, or the template, at the sending server."),
    "number": _("It holds a number that nobody can read. Correct the submission at the sending server."),
    "too_deep": _("It is nested deeper than any form. Ask the team which app sent it."),
    "too_many": _("It has more parts than any form has questions. Ask the team which app sent it."),
    "doctype": _(
        "It tries to reach for files or other machines (DTD). If nobody knows who sent it, make a new secret for that"
        " address and tell the data protection officer."
    ),
    "envelope": _("It is encrypted, and a part of it is missing or false. Have the phone send it again."),
}
