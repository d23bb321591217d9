"""A bank that uses everything that items can say of how they are put: the starter bank with a well survey in it."""

from __future__ import annotations

import copy
import json
from typing import Any

from forms import starter

MEDIA = {
    "well.png": b"\x89PNG\r\n\x1a\n" + bytes(40),
    "well.mp3": b"ID3" + bytes(40),
    "clinics.csv": b"name,label,district\nc1,Clinic one,XX0101\nc2,Clinic two,XX0102\n",
}
"""The files that it needs."""

_ITEM = {
    **{"module": "M06", "tools": "HO", "hint": "", "choices": "", "sens": "L", "cls": "none", "treat": "keep"},
    **{"rel": "", "constraint": "", "calc": "", "req": False, "core_hh": False, "seconds": 10, "lvl": "site"},
    **{"use": "tests -> how a question is put", "comp": "T", "gpc": "1", "matrix": "PM", "disagg": "std"},
    **{"flag": "", "path": "", "urg": ""},
}

_ROWS: list[dict[str, Any]] = [
    {"name": "well_note", "type": "note", "q": "Look at the wells.", "image": "well.png", "audio": "well.mp3"},
    {"name": "well_count", "type": "integer", "q": "How many wells?", "constraint": ". >= 0 and . <= 3", "req": True}
    | {"message": "No more than three.", "required_message": "Count them.", "guidance": "Count dry ones too."},
    {"name": "wells", "type": "repeat", "q": "A well", "repeat_count": "${well_count}"},
    {"name": "well_box", "type": "group", "q": "What it gives", "inside": "wells", "appearance": "field-list"},
    {"name": "well_depth", "type": "decimal", "q": "Depth in metres", "inside": "well_box", "constraint": ". > 0"},
    {"name": "well_use", "type": "select_one", "choices": "welluse", "q": "Used for", "inside": "well_box"}
    | {"appearance": "minimal"},
    {"name": "well_kind", "type": "select_one", "choices": "wellkind", "q": "What exactly", "inside": "well_box"}
    | {"choice_filter": "parent=${well_use}", "rel": "${well_use}!=''"},
    {"name": "well_taste", "type": "range", "q": "Taste of the water", "parameters": "start=0 end=10 step=2"}
    | {"appearance": "rating"},
    {"name": "well_first", "type": "rank", "choices": "welluse", "q": "Most important use first"},
    {"name": "well_day", "type": "date", "q": "Last cleaned", "appearance": "no-calendar"},
    {"name": "well_hour", "type": "time", "q": "Opens at"},
    {"name": "well_seen", "type": "dateTime", "q": "Seen at"},
    {"name": "well_read", "type": "acknowledge", "q": "You have read the rules"},
    {"name": "well_guard", "type": "select_one", "choices": "yn", "q": "Is it guarded?", "default": "no"},
    {"name": "well_sum", "type": "formula", "q": "-", "calc": "sum(${well_depth})"},
    {"name": "well_told", "type": "integer", "q": "Depth of all, rounded", "calc": "round(${well_sum}, 0)"}
    | {"trigger": "${well_guard}", "readonly": "yes"},
    {"name": "well_clinic", "type": "select_one", "q": "Nearest clinic", "file": "clinics.csv"}
    | {"parameters": "value=name label=label"},
    {"name": "well_code", "type": "select_one", "choices": "wellcode", "q": "Which site?", "req": True}
    | {"save_to": "code"},
    {"name": "well_before", "type": "select_one", "q": "Visited before?", "file": "sites.csv"},
]
_LISTS: dict[str, list[dict[str, Any]]] = {
    "welluse": [{"code": "drink", "label": "Drinking", "image": "well.png"}, {"code": "wash", "label": "Washing"}],
    "wellkind": [
        {"code": "cup", "label": "From a cup", "parent": "drink"},
        {"code": "hand", "label": "By hand", "parent": "wash"},
        {"code": "machine", "label": "By machine", "parent": "wash"},
    ],
    "wellcode": [{"code": f"s{number}", "label": f"Site {number}"} for number in range(600)],
}
_ENTITY = {
    **{"list": "sites", "tools": "O", "label": "concat('Site ', ${well_code})"},
    **{"create_if": "${well_before}=''", "update_if": "${well_before}!=''", "entity_id": "${well_before}"},
}


def rich_document() -> dict[str, Any]:
    """The bank as a document; a copy each time."""
    bank: dict[str, Any] = copy.deepcopy(json.loads(starter.read_bytes("bank.json")))
    last = max(number for number, row in enumerate(bank["items"]) if row["module"] == "M06") + 1
    bank["items"][last:last] = [
        {**_ITEM, "id": f"W{number:02d}", "key": f"well.{row['name']}", **row} for number, row in enumerate(_ROWS)
    ]
    bank["choice_lists"] |= copy.deepcopy(_LISTS)
    bank["entities"] = [dict(_ENTITY)]
    return bank
