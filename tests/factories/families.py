"""Invented families: what each would answer to the household interview, by question name. Nobody here exists."""

from __future__ import annotations

from typing import Any

ASKED: dict[str, Any] = {
    "con_adult": "yes",
    "con_lang": "en",
    "con_understood": "correct",
    "con_interview": "yes",
    "con_share": "yes",
    "ers_setting": "nobody",
    "ers_pressure": "none",
    "ers_match": "yes",
    "ers_suspicion": "no",
    "ers_aside": "already_alone",
    "ers_danger": "calm",
    "clo_outcome": "complete",
    "clo_place_adm1": "XX01",
    "clo_place_adm2": "XX0101",
    "clo_place_adm3": "XX010102",
}
"""An adult who agrees, alone with the enumerator in a calm place."""

CANARY_NAME = "Auntie Silverleaf of the third row"
CANARY_CONTACT = "ask at the tea shop after sunset, 0999 4417 820"

EVICTED: dict[str, Any] = {
    **ASKED,
    "dem_sex": "female",
    "dem_age": "a40_59",
    "dem_group": "idp",
    "roster": [
        {"mem_sex": "female", "mem_age": 41, "mem_rel": "head"},
        {"mem_sex": "male", "mem_age": 12, "mem_rel": "child", "mem_caregiver": "yes"},
        {"mem_sex": "female", "mem_age": 3, "mem_rel": "child", "mem_caregiver": "yes"},
    ],
    "mov_arrival": "2026-07-01",
    "mov_origin_adm1": "XX02",
    "mov_origin_adm2": "XX0201",
    "mov_intent": "stay",
    "mov_separated": "none",
    "doc_have": "some",
    "doc_birth": 0,
    "fom_limited": "no",
    "fom_barrier": ["none"],
    "sec_day": "safe",
    "sec_night": "unsafe",
    "sec_change": "same",
    "inc_types": ["none"],
    "inc_urgent": "no",
    "gbv_known": "some",
    "gbv_card": "yes",
    "cpr_nocare": 0,
    "cpr_school": 1,
    "tip_offers": "never",
    "tip_held": ["none"],
    "exo_seen": "none",
    "hlp_tenure": "rent_v",
    "hlp_evict": "written",
    "svc_unmet": ["none"],
    "svc_ill": "no",
    "cap_cope": ["none"],
    "aap_info": ["none"],
    "aap_channel": ["nobody"],
    "aap_know": "no",
    "aap_now": "no",
    "ref_want": "yes",
    "ref_service": ["housing"],
    "ref_whom": "self",
    "ref_scope": ["contact"],
    "ref_consent": "yes",
    "ref_name": CANARY_NAME,
    "ref_contact": CANARY_CONTACT,
    "clo_harm": "no",
}
"""A displaced woman with two children and a written notice to leave; she wants help and says how to be reached."""

REFUSING: dict[str, Any] = {
    "con_adult": "yes",
    "con_lang": "en",
    "con_understood": "correct",
    "con_interview": "no",
    "con_refusal": "time",
    "clo_outcome": "stopped_r",
    "clo_place_adm1": "XX01",
}
"""An adult who does not want to talk."""

CHILD_ALONE: dict[str, Any] = {
    **{key: value for key, value in EVICTED.items() if not key.startswith("ref_")},
    "hlp_evict": "no",
    "roster": [
        {"mem_sex": "female", "mem_age": 38, "mem_rel": "head"},
        {"mem_sex": "male", "mem_age": 9, "mem_rel": "other_rel", "mem_caregiver": "no"},
    ],
    "ref_want": "no",
}
"""A family with whom a child lives without parent or caregiver; they do not want to be referred."""
