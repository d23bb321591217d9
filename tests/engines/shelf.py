"""The files beside a form, where JavaRosa looks for them."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


class Shelf:
    """The folder of files beside a form, as a Java ReferenceFactory: `jr://file-csv/places.csv` is `places.csv`."""

    def __init__(self, jpype: Any) -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="pim-shelf-")
        self.jpype = jpype
        self.proxy = jpype.JProxy("org.javarosa.core.reference.ReferenceFactory", inst=self)

    def fill(self, files: Mapping[str, bytes]) -> None:
        """Put these files there, and nothing else."""
        for path in Path(self.folder.name).iterdir():
            path.unlink()
        for name, content in files.items():
            (Path(self.folder.name) / name).write_bytes(content)

    def derives(self, uri: str) -> bool:
        return uri.startswith("jr://file")

    def derive(self, uri: str, context: str | None = None) -> Any:
        name = uri.rsplit("/", 1)[-1]
        return self.jpype.JProxy("org.javarosa.core.reference.Reference", inst=File(uri, Path(self.folder.name) / name))


@dataclass(frozen=True)
class File:
    """A Java Reference to a file on the shelf."""

    uri: str
    path: Path

    def getURI(self) -> str:  # noqa: N802 - Java's name
        return self.uri

    def getLocalURI(self) -> str:  # noqa: N802 - Java's name
        return str(self.path)

    def doesBinaryExist(self) -> bool:  # noqa: N802 - Java's name
        return self.path.is_file()
