"""Releases in plain words: what is being done, why one stopped and what to do, what differs at a server."""

from __future__ import annotations

from pimcollect.domain.releases import Step

MOST_HOURS = 72.0
"""A server that was away for longer is given up; asking again begins anew."""
UNKNOWN_NAME = "unknown_name"
"""Why a release waits: the host's name leads nowhere. It may pass, and mostly is a slip of the pen."""
ELSEWHERE = "elsewhere"
"""Why nothing is fetched or released: the server sends us to another host."""
STEPS = {
    Step.LOOK_FORM: "looking for the form there",
    Step.CREATE: "making the form there",
    Step.UPLOAD: "sending the workbook",
    Step.AWAIT_UPLOAD: "waiting until the server has read the workbook",
    Step.LOOK_FILES: "looking for the form's files",
    Step.PUT_FILE: "sending a file",
    Step.DROP_FILE: "taking away an old file",
    Step.LINK_FILE: "linking a file to the server's entity list",
    Step.LOOK_HOOKS: "looking for the hook",
    Step.PUT_HOOK: "registering the hook",
    Step.MEND_HOOK: "mending the hook",
    Step.DROP_HOOK: "taking away a second hook of ours",
    Step.LOOK_TRIAL: "trying the draft as a phone would",
    Step.PUBLISH: "putting it into use",
    Step.DONE: "all is there",
}
REASONS = {
    "away": ("The server does not answer, or is in trouble.", "It is tried again by itself."),
    UNKNOWN_NAME: (
        "No address is found for the server's name.",
        "Is the address of the connection spelled right? If not, close it and connect anew. Else it is tried again.",
    ),
    "bad_answer": (
        "The server's answers cannot be used.",
        "Is the connected address that of the server itself? Is its version very old or very new?",
    ),
    "too_large": ("An answer of the server is larger than we read.", "Look at the form there: it may be another one."),
    "bad_address": (
        "The server's address is not called, or its certificate is not valid.",
        "Mend the certificate; a server of your own network must be named in PIMCOLLECT_PRIVATE_HOSTS.",
    ),
    ELSEWHERE: (
        "The server sends us to another host, and is not followed there.",
        "If it has moved, close the connection and connect its new address; else ask who looks after it.",
    ),
    "refused": (
        "The server refuses our token.",
        "Make a new one there for an account that may change this form, close the connection, connect anew, "
        "release again.",
    ),
    "not_found": (
        "The server has no such project, or hides it from our token.",
        "Compare the connection with the address that the browser shows there.",
    ),
    "form_refused": ("The server refuses the form.", "Its words say why. Build a mended version, then release that."),
    "warnings": (
        "The server's converter warns about the form.",
        "Read its words; if they do no harm, release again and accept warnings.",
    ),
    "version_used": (
        "The server has had this version before, and takes no version twice.",
        "Build the form again after a change; a form of the same content cannot come back there.",
    ),
    "draft_of_others": (
        "A draft that is not ours waits there.",
        "Ask whose it is; publish or abandon it there, then release again.",
    ),
    "trial_failed": (
        "The draft is not on the list that a phone would get.",
        "Open the draft at the server; release again.",
    ),
    "form_gone": (
        "The form that was connected is not there any more, or is hidden from our token.",
        "Restore it there, or close the connection and connect anew without naming a form.",
    ),
    "form_closed": ("The form is closed there.", "Open it there if it shall be used, then release again."),
    "other_form": ("The connection names another form there.", "Connect the form by its right name."),
    "several_forms": (
        "The account sees several forms with this id.",
        "Connect with the number of the right one.",
    ),
    "connected_twice": (
        "Another open connection belongs to this form there.",
        "Close one of the two, then release again.",
    ),
    "file_refused": ("The server refuses a file of the form.", "Its words say why."),
    "file_lacking": (
        "The form refers to a file that neither this version nor the server has.",
        "Build the form with its files, then release that version.",
    ),
    "hook_refused": (
        "The server refuses the hook.",
        "Its words say why. Is PIMCOLLECT_URL an https address that it can reach?",
    ),
    "hook_closed": ("The hook of this connection was closed.", "Release again: a new one is opened."),
    "address_missing": ("Our own public address is not set.", "Set PIMCOLLECT_URL, then release again."),
    "project_missing": (
        "Central needs a project.",
        "Connect with PROJECT/FORM, for example 3/hh_core: the project's number stands in the browser's address.",
    ),
    "connection_closed": ("The connection was closed.", "Connect again, then release to the new connection."),
    "token_unreadable": (
        "The sealed token cannot be opened here.",
        "Put the key back that it was sealed to, or connect again.",
    ),
    "no_effect": (
        "The server says yes, but does not show what it was given.",
        "Look at the form there; somebody may be changing it at this moment. Release again.",
    ),
    "failing": (
        "It was tried again and again and never finished. That is our mistake.",
        "Ask the administrator to update, then release again.",
    ),
    "given_up": ("The server was away for three days.", "Release again when it is back."),
}
"""Code -> what is wrong, what to do."""
FINDINGS = {
    "form_gone": "the form is not there any more, or hidden from our token",
    "form_closed": "the form is closed or archived there: phones get nothing",
    "form_changed": "the form in use there is not the one that was released",
    "form_edited": "somebody edited the form there; phones do not get it yet",
    "file_missing": "a file is missing there",
    "file_changed": "a file there is another one",
    "file_added": "a file there is not ours",
    "hook_missing": "our hook is gone there: submissions are not posted to us",
    "hook_changed": "our hook was changed there: it is off, posts a part only, or lost its secret",
    "hook_twice": "our hook is registered there more than once",
    "hook_of_others": "submissions are posted to somebody else too",
    "look_failed": "it could not be looked at",
}


def say_reason(code: str | None) -> tuple[str, str]:
    """What is wrong and what to do; a code without words is shown as it is."""
    return REASONS.get(code or "", ((code or "").replace("_", " "), ""))


def say_finding(code: str, about: str) -> str:
    """One finding as a sentence part."""
    text = FINDINGS.get(code, code.replace("_", " "))
    return f"{text} ({about})" if about else text
