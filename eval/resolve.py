"""From the names in a pair list to files, none of which may lie outside the image root."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from facecore.verification.pairs import lfw_candidates

Problem = Literal["missing", "outside_root"]


@dataclass(frozen=True)
class Resolver:
    """Finds the files that a list names.

    Attributes:
        root: folder that the names are relative to.
        allow_outside: whether a file may lie outside it.
        lfw: whether the names are LFW's, whose files may have another ending or lie in one flat folder.
        second: folder in which names that are not found under the root are looked for.
    """

    root: Path
    allow_outside: bool = False
    lfw: bool = False
    second: Path | None = None
    _folders: dict[str, str] = field(default_factory=dict, init=False, repr=False, compare=False)

    def find(self, name: str) -> Path | Problem:
        """The file called `name` with all links followed, or what is wrong with it.

        A name with backslashes, as Windows writes them, is tried with slashes too.
        """
        names = lfw_candidates(name) if self.lfw else [name]
        if "\\" in name and os.sep == "/":
            names += [name.replace("\\", "/")]
        roots = [self.root] if self.second is None else [self.root, self.second]
        outcomes = [self._find_one(root, candidate) for root in roots for candidate in names]
        found = next((outcome for outcome in outcomes if isinstance(outcome, Path)), None)
        return found or ("outside_root" if "outside_root" in outcomes else "missing")

    def _find_one(self, root: Path, name: str) -> Path | Problem:
        try:
            path, top = self._real(os.path.join(root, name)), self._real_folder(os.fspath(root))
            # Checked before the file is looked for: a list must not tell which files exist elsewhere.
            if not self.allow_outside and not path.startswith(os.path.join(top, "")):
                return "outside_root"
            return Path(path) if os.path.exists(path) else "missing"
        except (OSError, ValueError):  # a name that is too long, or holds a null character
            return "missing"

    def _real(self, path: str) -> str:
        """`os.path.realpath`, which looks at each folder on the way only once for all files in it."""
        folder, name = os.path.split(path)
        if name in ("", os.curdir, os.pardir):
            return os.path.realpath(path)
        inside = os.path.join(self._real_folder(folder), name)
        return os.path.realpath(inside) if os.path.islink(inside) else inside

    def _real_folder(self, path: str) -> str:
        if path not in self._folders:
            self._folders[path] = os.path.realpath(path)
        return self._folders[path]
