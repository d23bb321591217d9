"""Types of questions, one form for each."""

# ruff: noqa: E501 - tables read better on one line

from __future__ import annotations

from tests.forms.xlsforms.build import case

YN = """
| choices |
|         | list_name | name | label |
|         | yn        | yes  | Yes   |
|         | yn        | no   | No    |
|         | yn        | dk   | Does not know |
"""


def one(feature: str, columns: str, row: str, *paths: str, more: str = "") -> object:
    """A form of one question; `columns` are those beside type, name and label."""
    rows = "".join(f"|        | {line} |\n" for line in row.strip().splitlines())
    return case(feature, f"| survey |\n|        | type | name | label {columns}|\n{rows}{more}", *paths)


CASES = [
    one("text", "", "text | a | Say it", "//x:bind[@type='string']", "//x:input/x:label[.='Say it']"),
    one("text of several rows", "| parameters ", "text | a | A | rows=5", "//x:input[@rows='5']"),
    one("integer", "", "integer | a | How many?", "//x:bind[@type='int']"),
    one("decimal", "", "decimal | a | How much?", "//x:bind[@type='decimal']"),
    one("date", "| appearance ", "date | a | When? | month-year", "//x:bind[@type='date']", "//*[@appearance='month-year']"),
    one("time", "", "time | a | At what time?", "//x:bind[@type='time']"),
    one("date and time", "", "dateTime | a | When exactly?", "//x:bind[@type='dateTime']"),
    one("note", "", "note | a | Read this", "//x:bind[@readonly='true()']"),
    one("select one", "", "select_one yn | a | Yes or no?", "//x:select1", "//x:itemset", more=YN),
    one("select multiple", "", "select_multiple yn | a | Which?", "//x:select", more=YN),
    one("rank", "", "rank yn | a | In which order?", "//odk:rank", more=YN),
    one("or other", "", "select_one yn or_other | a | Which?", "//x:item/x:value[.='other'] | //item/name[.='other'] | "
        "//x:root/x:item/x:name[.='other']", "//x:bind[contains(@nodeset, 'a_other')]", more=YN),
    one("several or other", "", "select_multiple yn or_other | a | Which?", "//x:bind[contains(@nodeset,'a_other')]",
        more=YN),
    one("select in another spelling", "", "select1 yn | a | A\nselect all that apply from yn | b | B", "//x:select1",
        "//x:select", more=YN),
    one("random order", "| parameters ", "integer | s | Seed |\nselect_one yn | a | A | randomize=true, seed=${s}",
        "//x:itemset[contains(@nodeset, 'randomize(')]", more=YN),
    one("range", "| parameters ", "range | a | A | start=0 end=10 step=2", "//x:range[@start='0' and @end='10']"),
    one("range with ticks", "| parameters | appearance ",
        "range | a | A | start=0 end=10 step=1 tick_interval=2 placeholder=6 | no-ticks",
        "//x:range[@odk:tick-interval='2']", "//x:range[@odk:placeholder='6']"),
    one("range with named ticks", "| parameters ",
        "range | a | A | start=1 end=3 step=1 tick_interval=1 tick_labelset=ticks", "//x:range/x:itemset",
        more="| choices |\n| | list_name | name | label |\n| | ticks | 1 | Low |\n| | ticks | 3 | High |\n"),
    one("acknowledge", "", "acknowledge | a | I agree\ntrigger | b | Me too", "//x:trigger"),
    one("geopoint", "| parameters | appearance ",
        "geopoint | a | Where? | capture-accuracy=5 warning-accuracy=50 allow-mock-accuracy=true | placement-map",
        "//x:input[@accuracyThreshold='5']", "//x:bind[@odk:allow-mock-accuracy='true']"),
    one("geotrace", "| parameters ", "geotrace | a | Which way? | incremental=true", "//x:bind[@type='geotrace']"),
    one("geoshape", "", "geoshape | a | Which field?", "//x:bind[@type='geoshape']"),
    one("image", "| parameters | appearance ", "image | a | A | max-pixels=640 | annotate\nphoto | b | B | |",
        "//x:bind[@orx:max-pixels='640']", "//x:upload[@mediatype='image/*']"),
    one("image of an app", "| parameters ", "image | a | A | app=org.example.camera", "//x:upload[@intent]"),
    one("audio", "| parameters ", "audio | a | A | quality=voice-only", "//x:bind[@odk:quality='voice-only']"),
    one("video", "| appearance ", "video | a | A | selfie", "//x:upload[@mediatype='video/*']"),
    one("file", "| body::accept ", "file | a | A | .pdf", "//x:upload[@mediatype='application/*']"),
    one("barcode", "", "barcode | a | A", "//x:bind[@type='barcode']"),
    one("calculate", "| calculation ", "integer | a | A |\ncalculate | b | | ${a} * 2", "//x:bind[@calculate]"),
    one("calculate with a label", "| calculation ", "calculate | b | Sum | 1 + 1", "//x:bind[@calculate='1 + 1']"),
    one("hidden", "| default ", "hidden | a | | seven", "//*[local-name()='a'][.='seven']"),
    one("metadata", "", "\n".join(f"{kind} | m{number} | " for number, kind in enumerate(
        ("start", "end", "today", "deviceid", "username", "phonenumber", "email"))) + "\ntext | a | A",
        "//x:bind[@jr:preload='timestamp']", "//x:bind[@jr:preloadParams='username']"),
    one("audit", "| parameters ", "audit | audit | | location-priority=balanced location-min-interval=60 "
        "location-max-age=120\ntext | a | A |", "//x:bind[@odk:location-priority='balanced']"),
    one("audit of changes", "| parameters ", "audit | audit | | track-changes=true identify-user=true\ntext | a | A |",
        "//x:bind[@odk:track-changes='true']"),
    one("position at the start", "", "start-geopoint | here | \ntext | a | A", "//odk:setgeopoint"),
    one("position behind a question", "| trigger ", "text | a | A |\nbackground-geopoint | here | | ${a}",
        "//odk:setgeopoint[@event='xforms-value-changed']"),
    one("sound of the interview", "| parameters ", "background-audio | rec | | quality=low\ntext | a | A |",
        "//odk:recordaudio[@odk:quality='low']"),
    one("file of values", "", "csv-external | places | \ntext | a | A", "//x:instance[@src='jr://file-csv/places.csv']"),
    one("tree of values", "", "xml-external | tree | \ntext | a | A", "//x:instance[@src='jr://file/tree.xml']"),
    one("choices from a file", "| parameters ", "select_one_from_file places.csv | a | A | value=code label=title",
        "//x:instance[@src='jr://file-csv/places.csv']", "//x:itemset/x:value[@ref='code']"),
    one("choices from a map", "", "select_multiple_from_file places.geojson | a | A", "//x:instance[contains(@src,'geojson')]"),
    one("choices from answers", "", "begin repeat | r | R\ntext | n | Name\nend repeat | | \nselect_one ${n} | a | Who?",
        "//x:select1/x:itemset[contains(@nodeset, '/r')]"),
    one("choices outside", "| choice_filter ", "text | d | D |\nselect_one_external places | a | A | area=${d}",
        "//x:input[@query]", more="| external_choices |\n| | list_name | name | label | area |\n"
        "| | places | p1 | Place 1 | x |\n| | places | p2 | Place 2 | y |\n" + YN),
    one("map tags", "", "osm tags | a | A", "//x:upload[@mediatype='osm/*']/x:tag/x:label[.='Name']",
        more="| osm |\n| | list_name | name | label |\n| | tags | name | Name |\n| | tags | height | Height |\n"),
]  # fmt: skip
