"""Every sentence that a person reads on the page."""

from typing import Literal

from facecore.verification.calibration import Verdict

Side = Literal["first", "second"]

TITLE = "Are these the same person?"
INTRODUCTION = "Add two photos. The page finds a face in each and says how likely it is that both show one person."
NOTICE = (
    "Use only photos you are allowed to use: this is biometric data. It stays on the machine that runs this page, "
    "serves the comparison alone, and is deleted within ten minutes."
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
    "The weights that come with it are for non-commercial research only; the code is under the Apache License 2.0.",
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
    "Compare the largest faces of two photos. The first output is a JSON object: verdict (same, different, uncertain, "
    "or null where the photos cannot be compared, see why_not), score (cosine, -1 to 1), probability (that both show "
    "the same person, 0 to 1, if both answers were equally likely before looking), threshold (the score from which on "
    "the verdict is same) and more. The second output is the page's own view of it."
)
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


def score(value: float) -> str:
    """The score with the digits that a person needs."""
    return f"Score {value:.3f}"


def same_from(threshold: float) -> str:
    """From where on two photos count as the same person."""
    return f"same person from {threshold:.3f}"


def faces_found(number: int, compared: bool) -> str:
    """What was found in one photo.

    Args:
        number: of faces.
        compared: whether one of them was compared in the end.
    """
    if number == 0:
        return "The whole photo was compared." if compared else "No face found."
    if number == 1:
        return "One face found."
    return f"{number} faces found, the largest was compared." if compared else f"{number} faces found."


def description(side: Side, number: int) -> str:
    """A photo for people who do not see it."""
    drawn = {0: "", 1: ", with a box around the face"}.get(number, f", with boxes around {number} faces")
    return f"{PHOTO_LABELS[side]}{drawn}"


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
        "and at least 40 pixels wide."
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
