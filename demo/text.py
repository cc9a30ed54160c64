"""Every sentence that a person reads on the page."""

from typing import Literal

from facecore.verification.calibration import Verdict

Side = Literal["first", "second"]
SIDES: tuple[Side, Side] = ("first", "second")

TITLE = "Are these the same person?"
INTRODUCTION = "The page finds the faces in photos and says how likely it is that two of them show one person."
NOTICE = (
    "Use only photos you are allowed to use: this is biometric data. It stays on the machine that runs this page, "
    "serves the comparison alone, and is deleted within ten minutes of its last use."
)
TWO_PHOTOS = "Two photos"
PHOTO_LABELS: dict[Side, str] = {"first": "First photo", "second": "Second photo"}
PHOTO_PLACEHOLDER = "Drop a photo here\nor click to choose one"
COMPARE = "Compare"
COMPARED = "What was compared"
DETAILS = "Details for programs (JSON)"
EXAMPLES = "No photos at hand? Try one of these pairs."
EXAMPLE_SAME = "The same photo, darker, smaller and turned"
EXAMPLE_DIFFERENT = "Two different people"
EXAMPLE_CREDITS = "Eileen Collins (NASA) and Grace Hopper (US Navy), public domain."
LIMITS = (
    "An answer is a likelihood, not proof: look-alikes, relatives, children and poor photos are where it fails most.",
    "There is no liveness check. A photo of a photo or of a screen passes like the person in it.",
    "It is made for photos of people who agree to it, not for finding out who a stranger is.",
)

VERDICTS: dict[Verdict, str] = {
    "same": "Same person",
    "different": "Different people",
    "uncertain": "Too close to call",
}
ONLY_A_SCORE = "A score, but no verdict"
NO_COMPARISON = "These photos cannot be compared"
NO_CALIBRATION = (
    "This model comes without a calibration, so nobody has measured yet what its scores mean. The command "
    "python -m eval.calibrate does that."
)
API_DESCRIPTION = (
    "Compare two photos. left_face and right_face say which face of several: 0, the default, is the largest, 1 the "
    "next, and so on. strictness is one of: fewer false matches, balanced, fewer misses. model is one of those that "
    "the page offers. The first output is a JSON object: verdict (same, different, uncertain, or null where there is "
    "none), score (cosine of both faces' embeddings), probability (of the same person, 0 to 1, if both answers were "
    "equally likely before looking), threshold (the score from which on the verdict is same), model and more. The "
    "second output is the page's own view of it."
)
FACE_LABELS = ("Face of the first photo", "Face of the second photo")
FORGOTTEN = (
    "These photos have been deleted, as all photos are after some minutes. Press Compare, or add them again, to go on."
)
DISK_FULL = (
    "There is not enough room on this machine just now. Try again in ten minutes, or with fewer or smaller photos."
)
CHANGED = "The photos have changed while they were worked on. Press the button again."
REMOTE_FILE_REFUSED = (
    "Web addresses are not fetched: upload the photo itself (gradio_client: handle_file of a local path)."
)
SERVER_FILE_REFUSED = (
    "Paths on the server are not read: upload the photo itself (gradio_client: handle_file of a local path)."
)
ROUTE_REFUSED = "This page does not offer that."
TOO_LONG_REFUSED = "A request of this kind is at most one megabyte: upload photos as files."


def likelihood(probability: float, verdict: Verdict) -> str:
    """The probability in words, told from the side of the verdict.

    Args:
        probability: of the same person, 0 to 1.
        verdict: what it led to.
    """
    if verdict == "different":
        claim, probability = "two different people", 1 - probability
    else:
        claim = "the same person"
    return f"{percent(probability)} likely to be {claim}, if both answers were equally likely before looking."


def percent(probability: float) -> str:
    """One decimal, and never a certainty that the photos cannot give."""
    if probability > 0.999:
        return "More than 99.9%"
    if probability < 0.001:
        return "Less than 0.1%"
    return f"{100 * probability:.1f}%"


def rarity(strangers: float, rarest: float) -> str:
    """How often two strangers score as high.

    Args:
        strangers: N of "1 in N".
        rarest: the largest N that the calibration can tell.
    """
    if strangers >= rarest:
        return f"Fewer than 1 in {rounded(rarest)} pairs of strangers score this high."
    if strangers < 1.5:
        return "Most pairs of strangers score this high."
    return f"About 1 in {rounded(strangers)} pairs of strangers score this high."


def rounded(number: float) -> str:
    """A number above 1 with the two digits that mean something: 1.7, 23, 12,000."""
    digits = 0 if number >= 9.95 else 1
    if number >= 100:
        digits = 1 - (len(str(round(number))) - 1)
    return f"{round(number, digits):,.{max(digits, 0)}f}"


def faces_found(number: int, compared: int | None, choosable: bool = False) -> str:
    """What was found in one photo.

    Args:
        number: of faces.
        compared: which face was compared in the end, 0 the largest; None where there was no comparison.
        choosable: whether another can be chosen by pressing it.
    """
    if number == 0:
        return "No face found." if compared is None else "The whole photo was compared."
    if number == 1:
        return "One face found."
    if compared is None:
        told = f"{number} faces found."
    elif compared == 0:
        told = f"{number} faces found, the largest was compared."
    else:
        told = f"{number} faces found, number {compared + 1} by size was compared."
    return f"{told} Press another face to compare that one." if choosable else told


def face_button(side: Side, number: int, of: int, compared: bool) -> str:
    """What the button on a face does.

    Args:
        side: in which photo.
        number: 0 the largest.
        of: how many faces there are.
        compared: whether it is the one that was compared.
    """
    return f"Face {number + 1} of {of} in the {side} photo{', compared' if compared else ': compare this one'}"


def description(side: Side, number: int) -> str:
    """A photo for people who do not see it."""
    drawn = {0: "", 1: ", with a box around the face"}.get(number, f", with boxes around {number} faces")
    return f"{PHOTO_LABELS[side]}{drawn}"


def crop_description(side: Side) -> str:
    """An aligned crop for people who do not see it."""
    return f"The face from the {side} photo, upright and cut out"


def no_such_face(side: Side, number: int, of: int) -> str:
    """A face was asked for that is not there.

    Args:
        side: in which photo.
        number: that was asked for, 0 the largest.
        of: how many faces can be chosen.
    """
    found = "one face was found, number 0" if of == 1 else f"faces 0 to {of - 1} can be chosen, 0 being the largest"
    return f"There is no face number {number} in the {side} photo: {found}."


def no_face_chosen_from(side: Side) -> str:
    """A face was asked for where whole photos are compared."""
    return f"No face can be chosen in the {side} photo: this model compares whole photos."


def no_face_number(side: Side) -> str:
    """What was given for the number of a face is none."""
    return f"The number of the face in the {side} photo must be a whole number from 0 on, 0 being the largest face."


def missing(side: Side) -> str:
    """Nothing was given."""
    return f"There is no {side} photo yet. Add one."


def gone(side: Side) -> str:
    """It was given, but too long ago."""
    return f"The {side} photo has been deleted, as all photos are after ten minutes. Add it again."


def too_large(side: Side, size: int, limit: int) -> str:
    """The file is too large.

    Args:
        side: which photo.
        size: of the file in bytes.
        limit: in bytes.
    """
    return (
        f"The {side} photo is a file of {size / 1e6:.1f} MB, and at most {limit / 1e6:.0f} MB are accepted. "
        "Save it smaller, or choose another."
    )


def unreadable(side: Side, reason: str) -> str:
    """The file is not a usable photo.

    Args:
        side: which photo.
        reason: from facecore; goes on after "The first photo ...".
    """
    return f"The {side} photo {reason}. Choose another."


def no_face(side: Side) -> str:
    """No face was found."""
    return (
        f"No face was found in the {side} photo. Use one in which the face is sharp, well lit, seen from the front "
        "and at least 40 pixels wide. If there is one and it is small, cut the photo down to head and shoulders."
    )


def running(url: str) -> str:
    """What the terminal says once the page answers."""
    return (
        f"Running on {url}\nOpen this address in a browser. Photos stay on this machine and are deleted within ten "
        "minutes. Press Ctrl-C to stop."
    )


def port_taken(host: str, port: int | None) -> str:
    """No server could be started.

    Args:
        host: on which it was to listen.
        port: None where any free one would have done.
    """
    if port is None:
        return (
            f"no free port was found on {host}, or this machine has no such address. Choose them with --host, --port."
        )
    return (
        f"port {port} on {host} is in use, or this machine has no such address. Choose another port with --port N, or "
        "end the program that uses this one."
    )
