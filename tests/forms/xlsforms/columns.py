"""Columns of the survey and choices sheets, one form for each."""

# ruff: noqa: E501 - tables read better on one line

from __future__ import annotations

from tests.forms.xlsforms.build import case
from tests.forms.xlsforms.questions import YN, one

PLACES = """
| choices |
|         | list_name | name | label  | state | county |
|         | state     | s1   | North  |       |        |
|         | state     | s2   | South  |       |        |
|         | county    | c1   | East   | s1    |        |
|         | county    | c2   | West   | s2    |        |
|         | village   | v1   | Hill   | s1    | c1     |
|         | village   | v2   | Valley | s2    | c2     |
"""

CASES = [
    one("hint and guidance", "| hint | guidance_hint ", "text | a | A | Whisper | Only if alone",
        "//x:hint", "//x:value[@form='guidance'][.='Only if alone']"),
    one("required with a message", "| required | required_message ", "text | a | A | yes | Please say it",
        "//x:bind[@required='true()']", "//x:bind[@jr:requiredMsg]"),
    one("required when", "| required ", "integer | a | A | no\ntext | b | B | ${a} > 3", "//x:bind[contains(@required,'> 3')]"),
    one("relevant", "| relevant ", "integer | a | A |\ntext | b | B | ${a} > 17 and ${a} != 99",
        "//x:bind[contains(@relevant, '> 17')]"),
    one("constraint with a message", "| constraint | constraint_message ",
        "integer | a | A | . >= 0 and . <= 120 | Between 0 and 120",
        "//x:bind[@constraint]", "//x:bind[@jr:constraintMsg]"),
    one("default", "| default ", "integer | a | A | 7\ntext | b | B | a word", "//*[local-name()='a'][.='7']"),
    one("default that is worked out", "| default ", "date | a | A | today()\ninteger | b | B | 1 + 1",
        "//x:setvalue[@event='odk-instance-first-load']"),
    one("default of last time", "| default ", "text | a | A | ${last-saved#a}", "//x:instance[@src='jr://instance/last-saved']"),
    one("trigger", "| calculation | trigger ", "integer | a | A | |\ntext | b | B | now() | ${a}",
        "//x:setvalue[@event='xforms-value-changed']"),
    one("read only", "| readonly | default ", "text | a | A | yes | fixed", "//x:bind[@readonly='true()']"),
    one("appearance", "| appearance ", "select_one yn | a | A | minimal autocomplete\ntext | b | B | multiline numbers",
        "//x:select1[@appearance='minimal autocomplete']", more=YN),
    one("search in a file", "| appearance ", "select_one found | a | A | search('places')",
        "//x:select1[contains(@appearance, 'search(')]",
        more="| choices |\n| | list_name | name | label |\n| | found | code | title |\n"),
    one("pulldata", "| calculation ", "text | a | A |\ncalculate | b | | pulldata('list', 'c', 'k', ${a})",
        "//x:instance[@src='jr://file-csv/list.csv']"),
    one("cascade", "| choice_filter ", "select_one state | s | S |\nselect_one county | c | C | state=${s}\n"
        "select_one village | v | V | state=${s} and county=${c}", "//x:itemset[contains(@nodeset, 'state=')]",
        "//x:instance[@id='village']", more=PLACES),
    one("pictures and sounds", "| media::image | media::audio | media::video ", "note | a | A | a.png | a.mp3 | a.mp4",
        "//x:value[@form='image'][.='jr://images/a.png']", "//x:value[@form='video']"),
    one("large picture", "| image | big-image ", "note | a | A | a.png | b.png", "//x:value[@form='big-image']"),
    one("autoplay", "| media::audio | autoplay ", "note | a | A | a.mp3 | audio", "//*[@autoplay='audio']"),
    one("bind of one's own", "| bind::own:mark | bind::jr:preload | bind::jr:preloadParams ",
        "text | a | A | seven | property | start", "//x:bind[@*[name()='own:mark']='seven']",
        more="| settings |\n| | namespaces |\n| | own=\"http://example.org/own\" |\n"),
    one("body of one's own", "| body::accuracyThreshold | body::intent ", "geopoint | a | A | 1.5 |\n"
        "text | b | B | | org.example.app(x='1')", "//x:input[@accuracyThreshold='1.5']", "//x:input[@intent]"),
    one("instance of one's own", "| instance::mark ", "text | a | A | seven", "//*[local-name()='a'][@mark='seven']"),
    one("relevance as a bind", "| bind::relevant ", "integer | a | A |\ntext | b | B | ${a} = 1", "//x:bind[@relevant]"),
    one("answer in a label", "", "text | a | Your code\nnote | b | You said **${a}** and *no more*", "//x:label//x:output"),
    one("signs", "", "note | a | <b>A & B</b> “quoted” ‘so’ — é ü 语 🙂", "//x:label[contains(., '&')]"),
    one("expressions of all kinds", "| calculation ", "integer | a | A |\nselect_multiple yn | m | M |\ncalculate | c | | "
        "if(selected(${m}, 'yes'), coalesce(${a}, 0), count-selected(${m}))\ncalculate | d | | jr:choice-name(${m}, '${m}')"
        "\ncalculate | e | | regex(${a}, '^[0-9]{1,3}$') and not(${a} = '')\ncalculate | f | | once(uuid())",
        "//x:bind[contains(@calculate, 'jr:choice-name')]", more=YN),
    one("save to an entity", "| save_to ", "text | a | A | code", "//x:entity[@dataset='sites']",
        "//x:bind[@entities:saveto='code']",
        more="| entities |\n| | list_name | label |\n| | sites | ${a} |\n"),
    one("change an entity", "| save_to ", "select_one_from_file sites.csv | s | S |\ntext | a | A | code",
        "//x:bind[contains(@nodeset,'entity/@baseVersion')]",
        more="| entities |\n| | list_name | label | entity_id | update_if | create_if |\n"
        "| | sites | ${a} | ${s} | ${a} != '' | ${s} = '' |\n"),
    case("entity in a repeat", """
| survey |
|        | type         | name | label | save_to |
|        | begin repeat | r    | R     |         |
|        | text         | a    | A     | code    |
|        | end repeat   |      |       |         |
| entities |
|          | list_name | label |
|          | trees     | ${a}  |
""", "//x:entity[@dataset='trees']"),
    one("columns by their old names", "| caption::French (fr) | relevance | calculate | required | read_only ",
        "integer | a | A | Combien | | | TRUE |\ncalculate | b | | | ${a} = 1 | 5 | |", "//x:bind[@relevant]",
        "//x:translation[@lang='French (fr)']"),
    case("one colon", """
| survey |
|        | type | name | label:English | label:French | media:image:English |
|        | note | a    | Hello         | Bonjour      | a.png               |
""", "//x:translation[@lang='French']", "//x:value[@form='image']"),
    case("choices that speak and show", """
| survey |
|        | type          | name | label::English (en) | label::Arabic (ar) |
|        | select_one c  | a    | Which?              | أي؟                |
| choices |
|         | list_name | name | label::English (en) | label::Arabic (ar) | media::image::English (en) | media::audio::Arabic (ar) |
|         | c         | one  | One                 | واحد               | one.png                    | one.mp3                   |
|         | c         | two  | Two                 | اثنان              | two.png                    | two.mp3                   |
""", "//x:translation[@lang='Arabic (ar)']", "//x:value[@form='image']"),
    one("choices with columns of their own", "", "select_one c | a | A", "//x:instance[@id='c']//x:weight[.='3']",
        more="| choices |\n| | list_name | name | label | weight | geometry |\n| | c | x | X | 3 | 1 2 0 0 |\n"
        "| | c | y | Y | 4 | 3 4 0 0 |\n"),
    case("codes twice", """
| survey |
|        | type         | name | label |
|        | select_one c | a    | A     |
| choices |
|         | list_name | name | label   |
|         | c         | x    | X here  |
|         | c         | x    | X there |
| settings |
|          | allow_choice_duplicates |
|          | yes                     |
""", "//x:instance[@id='c']//x:item[2]/x:name[.='x']"),
    one("codes with other signs", "", "select_one c | a | A", "//x:item/x:name[.='XX-01.2']",
        more="| choices |\n| | list_name | name | label |\n| | c | XX-01.2 | X |\n| | c | 语 | Y |\n| | c | 1 | Z |\n"),
    one("choices without labels", "", "select_one c | a | A", "//x:item/x:name[.='only']",
        more="| choices |\n| | list_name | name | label | image |\n| | c | only | | only.png |\n"),
]  # fmt: skip
