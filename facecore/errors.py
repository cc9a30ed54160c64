"""Everything that facecore raises for a reason a user can act on.

    FacecoreError
      ImageError            not a usable image (unreadable, too large, empty)
      FaceError
        NoFaceError         no face was found where one is needed
        SeveralFacesError   more than one face where exactly one is allowed
      ModelError            a model directory that cannot be used
      DataError             a training folder, shard or label that cannot be used
      PairListError         a pair list that cannot be read
      CacheError            a cache of embeddings that cannot be used

Each message names the file or value, what is wrong with it, and what to do. Catch the root to treat them alike:

    try:
        faces = recognizer.faces("a.jpg")
    except facecore.FacecoreError as error:
        print(f"cannot use this photo: {error}")
"""


class FacecoreError(Exception):
    """The root of all errors that facecore raises on purpose."""


class ImageError(FacecoreError):
    """Not a usable image; the message names the source and the reason."""


class FaceError(FacecoreError):
    """The faces in a photo are not what the caller asked for."""


class NoFaceError(FaceError):
    """No face was found."""


class SeveralFacesError(FaceError):
    """More than one face was found and the policy allows only one."""


class ModelError(FacecoreError):
    """A model directory that cannot be used; the message names the file and the reason."""


class DataError(FacecoreError):
    """A training folder, shard or label that cannot be used."""


class PairListError(FacecoreError):
    """A pair list that cannot be read.

    Attributes:
        line: number of the offending line, counted from 1, or None where the whole file is at fault.
    """

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.line = line


class CacheError(FacecoreError):
    """A cache of embeddings that cannot be used; the message names the file and the reason."""
