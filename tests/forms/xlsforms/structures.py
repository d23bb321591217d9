"""Groups, repeats, languages and settings, one form for each."""

# ruff: noqa: E501, W291 - tables read better on one line

from __future__ import annotations

from tests.forms.xlsforms.build import Case, case
from tests.forms.xlsforms.questions import YN


def table(feature: str, columns: str, rows: str, *paths: str, more: str = "") -> Case:
    """A form of these rows."""
    lines = "".join(f"|        | {line} |\n" for line in rows.strip().splitlines())
    return case(feature, f"| survey |\n|        | {columns} |\n{lines}{more}", *paths)


def settings(feature: str, names: str, values: str, *paths: str) -> Case:
    """A form of one question with these settings."""
    sheet = f"| settings |\n|          | {names} |\n|          | {values} |\n"
    return table(feature, "type | name | label", "text | a | A", *paths, more=sheet)


_COLUMNS = "type | name | label"
_SPOKEN = "label::English (en) | label::French (fr) | label::Arabic (ar) | label::Burmese (my) | label::Spanish (es)"

CASES = [
    table("groups in groups", f"{_COLUMNS} | relevant | appearance", """
begin group | g | G | | field-list
integer | a | A | |
begin_group | h | H | ${a} > 1 | w4
text | b | B | |
begin group | i | | | 
text | c | C | |
end group | | | |
end_group | | | |
end group | | | |""", "//x:group[@appearance='field-list']/x:group/x:group", "//x:bind[@nodeset='/data/g/h'][@relevant]"),
    table("repeat", f"{_COLUMNS} | appearance", """
begin repeat | r | R | field-list
text | a | A |
end repeat | | |""", "//x:repeat[@nodeset='/data/r']", "//*[@*[name()='jr:template']]"),
    table("repeat so many times", f"{_COLUMNS} | repeat_count", """
integer | n | N |
begin repeat | r | R | ${n}
text | a | A |
end repeat | | |
begin_repeat | s | S | 3
text | b | B |
end_repeat | | |""", "//x:repeat[contains(@jr:count, '/n')]", "//x:repeat[@*[local-name()='count']]"),
    table("repeats in repeats", f"{_COLUMNS} | calculation | relevant", """
begin repeat | r | R | |
text | a | A | |
calculate | nth | | position(..) |
begin repeat | s | S | | ${a} != ''
integer | b | B | |
end repeat | | | |
calculate | sum | | sum(${b}) |
end repeat | | | |
calculate | first | | indexed-repeat(${a}, ${r}, 1) |""", "//x:repeat//x:repeat", "//x:bind[contains(@calculate, 'sum(')]"),
    table("group in a repeat in a group", _COLUMNS, """
begin group | g | G
begin repeat | r | R
begin group | h | H
text | a | A
end group | |
end repeat | |
end group | |""", "//x:repeat/x:group/x:input[@ref='/data/g/r/h/a']"),
    table("repeat by its old name", _COLUMNS, "begin lgroup | r | R\ntext | a | A\nend lgroup | | ", "//x:repeat"),
    table("table of questions", f"{_COLUMNS} | appearance", """
begin group | g | Rate each | table-list
select_one yn | a | Food |
select_one yn | b | Water |
end group | | |""", "//x:select1[@appearance='label']", "//x:select1[@appearance='list-nolabel']", more=YN),
    table("one name in two groups", _COLUMNS, """
begin group | one | One
text | code | First code
end group | |
begin group | two | Two
text | code | Second code
end group | |""", "//x:bind[@nodeset='/data/one/code']", "//x:bind[@nodeset='/data/two/code']"),
    table("group that starts a program", f"{_COLUMNS} | body::intent | appearance", """
begin group | g | G | org.example.app(uuid='1') | field-list
text | a | A | |
end group | | | |""", "//x:group[@intent]"),
    table("group with an instance of its own", f"{_COLUMNS} | instance::mark", """
begin group | g | G | seven
text | a | A |
end group | | |""", "//*[local-name()='g'][@mark='seven']"),
    table("names of all kinds", _COLUMNS, """
text | Q1.Name-x | A
text | _under | B
text | ÜberGröße | C
integer | a_very_long_name_that_no_bank_would_take_because_of_its_length | D""", "//x:bind[@nodeset='/data/Q1.Name-x']"),
    table("five languages", f"type | name | {_SPOKEN} | hint::French (fr) | constraint | constraint_message::Arabic (ar)", """
integer | a | How old? | Quel âge ? | كم عمرك؟ | အသက် | ¿Qué edad? | En années | . > 0 | أكثر من صفر
note | b | Thanks | Merci | شكرا | ကျေးဇူး | Gracias | | |""", "//x:translation[@lang='Burmese (my)']",
          "//x:text[contains(@id, 'jr:constraintMsg')]"),
    table("languages with holes", "type | name | label::English (en) | label::French (fr) | hint::French (fr)", """
text | a | Only English | |
text | b | | Seulement français | Astuce""", "//x:translation[@lang='French (fr)']//x:value[.='-']"),
    table("a column without a language beside others", "type | name | label | label::French (fr)", "text | a | A | Un",
          "//x:translation[@lang='French (fr)']", "//x:translation[@lang='default']"),
    table("a default language", "type | name | label::English (en) | label::French (fr)", "text | a | A | Un",
          "//x:translation[@lang='French (fr)'][@default='true()']",
          more="| settings |\n| | default_language |\n| | French (fr) |\n"),
    table("no English at all", "type | name | label::Français (fr) | hint::Français (fr)", "text | a | Quel nom ? | Tout bas",
          "//x:translation[@lang='Français (fr)']"),
    settings("title, id and version", "form_title | form_id | version", "My form | my_form | 2026112501",
             "//h:title[.='My form']", "//*[@id='my_form'][@version='2026112501']"),
    settings("style", "style", "theme-grid pages", "//h:body[@class='theme-grid pages']"),
    settings("encryption", "public_key | submission_url", "MIIBIjANBgkq | https://example.org/x",
             "//x:submission[@base64RsaPublicKey='MIIBIjANBgkq'][@action='https://example.org/x']"),
    settings("sent and deleted at once", "auto_send | auto_delete", "true | false",
             "//x:submission[@orx:auto-send='true'][@orx:auto-delete='false']"),
    settings("name of a record", "instance_name", "concat('form ', ${a})", "//x:bind[contains(@nodeset,'instanceName')]"),
    settings("spaces of names and attributes", "namespaces | attribute::own:mark | attribute::kind",
             'own="http://example.org/own" | seven | eight', "//*[@kind='eight']"),
    settings("another root", "name | instance_xmlns", "root | http://example.org/form", "//*[local-name()='root']"),
    settings("a form that may be edited", "client_editable", "yes", "//*[@odk:client-editable='true']"),
    settings("compact form", "prefix | delimiter", "pm | +", "//*[@*[local-name()='prefix']='pm']"),
    table("texts as they are", _COLUMNS, "text | a | Two  spaces  here", "//x:label[contains(., 'Two  spaces')]",
          more="| settings |\n| | clean_text_values |\n| | no |\n"),
]  # fmt: skip
