"""Releases in the words of the page's language; the commands say the same in English (domain.release_words)."""

from __future__ import annotations

from flask_babel import lazy_gettext as _

RELEASE_STATES = {
    "waiting": _("On its way"),
    "done": _("Released"),
    "stopped": _("Stopped"),
    "replaced": _("A later release took over"),
}
STEPS = {
    "look_form": _("looking for the form there"),
    "create": _("making the form there"),
    "upload": _("sending the workbook"),
    "await_upload": _("waiting until the server has read the workbook"),
    "look_files": _("looking for the form's files"),
    "put_file": _("sending a file"),
    "drop_file": _("taking away an old file"),
    "link_file": _("linking a file to the server's entity list"),
    "look_hooks": _("looking for the hook"),
    "put_hook": _("registering the hook"),
    "mend_hook": _("mending the hook"),
    "drop_hook": _("taking away a second hook of ours"),
    "look_trial": _("trying the draft as a phone would"),
    "publish": _("putting it into use"),
    "done": _("all is there"),
}
REASONS = {
    "away": (_("The server does not answer, or is in trouble."), _("It is tried again by itself.")),
    "unknown_name": (
        _("No address is found for the server's name."),
        _("Is the address of the connection spelled right? If not, close it and connect anew. Else it is tried again."),
    ),
    "bad_answer": (
        _("The server's answers cannot be used."),
        _("Is the connected address that of the server itself? Is its version very old or very new?"),
    ),
    "too_large": (
        _("An answer of the server is larger than we read."),
        _("Look at the form there: it may be another one."),
    ),
    "bad_address": (
        _("The server's address is not called, or its certificate is not valid."),
        _("Mend the certificate; a server of your own network must be named in PIMCOLLECT_PRIVATE_HOSTS."),
    ),
    "elsewhere": (
        _("The server sends us to another host, and is not followed there."),
        _("If it has moved, close the connection and connect its new address; else ask who looks after it."),
    ),
    "refused": (
        _("The server refuses our token."),
        _(
            "Make a new one there for an account that may change this form, close the connection, connect anew, "
            "release again."
        ),
    ),
    "not_found": (
        _("The server has no such project, or hides it from our token."),
        _("Compare the connection with the address that the browser shows there."),
    ),
    "form_refused": (
        _("The server refuses the form."),
        _("Its words say why. Build a mended version, then release that."),
    ),
    "warnings": (
        _("The server's converter warns about the form."),
        _("Read its words; if they do no harm, release again and accept warnings."),
    ),
    "version_used": (
        _("The server has had this version before, and takes no version twice."),
        _("Build the form again after a change; a form of the same content cannot come back there."),
    ),
    "draft_of_others": (
        _("A draft that is not ours waits there."),
        _("Ask whose it is; publish or abandon it there, then release again."),
    ),
    "trial_failed": (
        _("The draft is not on the list that a phone would get."),
        _("Open the draft at the server; release again."),
    ),
    "form_gone": (
        _("The form that was connected is not there any more, or is hidden from our token."),
        _("Restore it there, or close the connection and connect anew without naming a form."),
    ),
    "form_closed": (_("The form is closed there."), _("Open it there if it shall be used, then release again.")),
    "other_form": (_("The connection names another form there."), _("Connect the form by its right name.")),
    "several_forms": (
        _("The account sees several forms with this id."),
        _("Connect with the number of the right one."),
    ),
    "connected_twice": (
        _("Another open connection belongs to this form there."),
        _("Close one of the two, then release again."),
    ),
    "file_refused": (_("The server refuses a file of the form."), _("Its words say why.")),
    "file_lacking": (
        _("The form refers to a file that neither this version nor the server has."),
        _("Build the form with its files, then release that version."),
    ),
    "hook_refused": (
        _("The server refuses the hook."),
        _("Its words say why. Is PIMCOLLECT_URL an https address that it can reach?"),
    ),
    "hook_closed": (_("The hook of this connection was closed."), _("Release again: a new one is opened.")),
    "address_missing": (_("Our own public address is not set."), _("Set PIMCOLLECT_URL, then release again.")),
    "project_missing": (
        _("Central needs a project."),
        _("Connect with PROJECT/FORM, for example 3/hh_core: the project's number stands in the browser's address."),
    ),
    "connection_closed": (_("The connection was closed."), _("Connect again, then release to the new connection.")),
    "token_unreadable": (
        _("The sealed token cannot be opened here."),
        _("Put the key back that it was sealed to, or connect again."),
    ),
    "no_effect": (
        _("The server says yes, but does not show what it was given."),
        _("Look at the form there; somebody may be changing it at this moment. Release again."),
    ),
    "failing": (
        _("It was tried again and again and never finished. That is our mistake."),
        _("Ask the administrator to update, then release again."),
    ),
    "given_up": (_("The server was away for three days."), _("Release again when it is back.")),
}
FINDINGS = {
    "form_gone": _("the form is not there any more, or hidden from our token"),
    "form_closed": _("the form is closed or archived there: phones get nothing"),
    "form_changed": _("the form in use there is not the one that was released"),
    "form_edited": _("somebody edited the form there; phones do not get it yet"),
    "file_missing": _("a file is missing there"),
    "file_changed": _("a file there is another one"),
    "file_added": _("a file there is not ours"),
    "hook_missing": _("our hook is gone there: submissions are not posted to us"),
    "hook_changed": _("our hook was changed there: it is off, posts a part only, or lost its secret"),
    "hook_twice": _("our hook is registered there more than once"),
    "hook_of_others": _("submissions are posted to somebody else too"),
    "look_failed": _("it could not be looked at"),
}
