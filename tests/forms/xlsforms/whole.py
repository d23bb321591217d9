"""A small form of another agency, with what the bank has already, what is new, and what it does not ask."""

# ruff: noqa: E501 - tables read better on one line

from __future__ import annotations

WINTER = """
| survey |
|        | type            | name    | label::English (en)                   | label::French (fr)       | relevant          | chapter |
|        | start           | start   |                                       |                          |                   |         |
|        | select_one yn   | consent | Are you 18 years old or older?        | Avez-vous 18 ans ?       |                   |         |
|        | begin group     | house   | Your house                            | Votre maison             | ${consent}='yes'  |         |
|        | select_one fuel | fuel    | What do you heat your house with?     | Avec quoi chauffez-vous ?| ${consent}='yes'  | Winter  |
|        | integer         | nights  | How many nights were too cold?        | Combien de nuits froides ?|                  |         |
|        | text            | phone   | Your telephone number                 | Votre téléphone          |                   |         |
|        | geopoint        | where   | Where is it?                          | Où est-ce ?              |                   |         |
|        | end group       |         |                                       |                          |                   |         |
| choices |
|         | list_name | name | label::English (en) | label::French (fr) |
|         | yn        | yes  | Yes                 | Oui                |
|         | yn        | no   | No                  | Non                |
|         | fuel      | wood | Wood                | Bois               |
|         | fuel      | gas  | Gas                 | Gaz                |
| settings |
|          | form_id | form_title  | version |
|          | winter  | Winter 2026 | 1       |
"""
