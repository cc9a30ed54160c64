"""Every sentence that a program is answered with."""

FACES_DESCRIPTION = (
    "Find all faces in one photo, largest first. The answer is a JSON object: faces (for each its number, box (left, "
    "top, right, bottom), five landmarks (image-left eye, image-right eye, nose tip, image-left and image-right mouth "
    "corner), all in pixels of the upright photo, confidence (the detector's, 0 to 1, no probability) and quality "
    "(measures of size, sharpness, light and pose, and score, 0 to 1)), width and height of the photo, and why_not (a "
    "sentence where there is no face to tell of, else null)."
)
EMBED_DESCRIPTION = (
    "Turn one face of a photo into an embedding: a vector whose Euclidean length is one, so that the sum of products "
    "with another embedding of the same model is the score that /compare gives. face is its number as /faces counts "
    "them, 0 for the largest; model is one of those that the page offers. The answer is a JSON object: embedding (null "
    "where there is none), model (its name), digest (SHA-256 of the model; embeddings of different digests cannot be "
    "compared), face, faces_found, and why_not (a sentence where there is no embedding, else null)."
)
PHOTO = "photo"
FACE = "face"
RESULT = "result"

MISSING = "There is no photo. Send one."
NOT_A_FILE = (
    "Photos and files must be uploaded. Web addresses are not fetched, and paths on the server are not read: upload "
    "the file itself (gradio_client: handle_file of a local path)."
)
GONE = "The photo has been deleted, as all photos are after ten minutes. Send it again."
NO_FACE = (
    "No face was found in the photo. Use one in which the face is sharp, well lit, seen from the front and at least 40 "
    "pixels wide."
)
NO_NUMBER = "The number of the face must be a whole number, 0 for the largest face."

BUSY = "The page is busy: all places in the queue are taken. Try again in a minute."

TOOL_TAKES_PHOTOS = (
    "Photos and files must be sent as data, in the form data:image/jpeg;base64,... Web addresses are not fetched, and "
    "paths on the server are not read."
)
TOOL_FORMAT = "the file itself: data:image/jpeg;base64,..."
TOOL_TOO_LONG = (
    "This call is too long. All files of one call together may have about 45 MB. Send fewer or smaller ones, or use "
    "the page itself."
)


def too_large(size: int, limit: int) -> str:
    """The file is too large; sizes in bytes."""
    return (
        f"The photo is a file of {size / 1e6:.1f} MB, and at most {limit / 1e6:.0f} MB are accepted. Save it smaller."
    )


def unreadable(reason: str) -> str:
    """Not a usable photo; `reason` goes on after "The photo ..."."""
    return f"The photo {reason}."


def no_such_face(number: int, found: int) -> str:
    """The photo shows fewer faces."""
    there = "one face was found, number 0" if found == 1 else f"faces 0 to {found - 1} were found"
    return f"There is no face number {number}: {there}, the largest first."
