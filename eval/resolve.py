"""From the names in a pair list to files, none of which may lie outside the image root."""

import os
from dataclasses import dataclass
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
    """

    root: Path
    allow_outside: bool = False
    lfw: bool = False

    def find(self, name: str) -> Path | Problem:
        """The file called `name` with all links followed, or what is wrong with it.

        A name with backslashes, as Windows writes them, is tried with slashes too.
        """
        names = lfw_candidates(name) if self.lfw else [name]
        if "\\" in name and os.sep == "/":
            names += [name.replace("\\", "/")]
        outcomes = [self._find_one(candidate) for candidate in names]
        found = next((outcome for outcome in outcomes if isinstance(outcome, Path)), None)
        return found or ("outside_root" if "outside_root" in outcomes else "missing")

    def _find_one(self, name: str) -> Path | Problem:
        try:
            path = Path(os.path.realpath(self.root / name))
            # Checked before the file is looked for: a list must not tell which files exist elsewhere.
            if not self.allow_outside and not path.is_relative_to(os.path.realpath(self.root)):
                return "outside_root"
            return path if path.exists() else "missing"
        except (OSError, ValueError):  # a name that is too long, or holds a null character
            return "missing"
