"""Every sentence that a person reads on the tab "A list of pairs"."""

from demo.text import percent
from facecore.image import photo_name

TAB = "A list of pairs"
INTRODUCTION = (
    "Many pairs at once: a list that names two photos a line, and a zip with the photos. You get a table of scores "
    "and, where the list says which pairs show the same person, a report of how often the page is right."
)
LIST, ZIP = "Pair list (text or CSV)", "Photos (zip)"
BUTTON, STOP = "Score the list", "Stop"
FORMATS = "What a list looks like"
FORMATS_TEXT = (
    "One pair a line, the names as they are in the zip. With 1 (same person) or 0 (different people) at the end you "
    "get error rates too:\n\n"
    "```\nanna/01.jpg anna/02.jpg 1\nanna/01.jpg bert/01.jpg 0\n```\n\n"
    "CSV with a header (`left,right,label`), tabs or semicolons, LFW's `pairs.txt` and course lists (`Id,Category`) "
    "work too; the kind is found out. Names with spaces stand in double quotes."
)
DETAILS = "Details for programs (JSON)"
UNPACKING, EMBEDDING, REPORTING = "Unpacking", "Reading photos", "Making the report"
SCORES, RECORD, REPORT = "Scores (CSV)", "Settings and figures (JSON)", "Report (HTML)"
REPORT_HEAD = "The report"
REPORT_GONE = "The report has been deleted, as all files are after ten minutes. Score the list again."
FAILED_HEAD = "Photos that cost pairs"
FAILED_COLUMNS = ("Photo", "Pairs", "Why")
STOPPED = "Stopped. There are no results."
API_DESCRIPTION = (
    "Score a list of pairs whose photos are in a zip. model is one of those that the page offers. The first output is "
    "a JSON object: pairs, failed_pairs, images, image_failures, figures (AUC, EER, TAR at FAR and more, where the "
    "list has labels), threshold, model and the other settings, as eval.score records them; failures (the photos that "
    "cost pairs), archive (what was in the zip), and why_not (a sentence where nothing was scored, else null). The "
    "second output is the page's own view of it; the third three files: scores.csv, scores.json, report.html. "
    "Cancelling the job stops the work."
)
STATUS = {
    "missing": "is not in the zip",
    "outside_root": "lies outside of the zip",
    "unreadable": "cannot be read",
    "no_face": "shows no face",
    "several_faces": "shows several faces",
}


def limits(packed: int, photos: int, total: int, photo: int, lines: int) -> str:
    """What may be added; sizes in bytes."""
    return (
        f"A zip of up to {packed / 1e6:.0f} MB ({total / 1e9:.0f} GB unpacked) with up to {photos:,} photos of up to "
        f"{photo / 1e6:.0f} MB, and a list of up to {lines:,} lines. One list is scored at a time; others wait their "
        "turn. Files are deleted within ten minutes of their last use."
    )


def missing(has_list: bool, has_zip: bool) -> str:
    """Something was not given."""
    if has_zip and not has_list:
        return "There is no list yet. Add one."
    if has_list:
        return "There is no zip of photos yet. Add one."
    return "Add a list of pairs and a zip with the photos."


def gone() -> str:
    """The files were given, but too long ago."""
    return "The files have been deleted, as all files are after ten minutes. Add them again."


def list_too_large(size: int, limit: int) -> str:
    """Too many bytes for a list."""
    return f"The list is a file of {size / 1e6:.1f} MB, and at most {limit / 1e6:.0f} MB are accepted. Split it."


def list_too_long(lines: int, limit: int) -> str:
    """Too many lines for a list."""
    return f"The list has {lines:,} lines, and at most {limit:,} are accepted here. Split it."


def list_unreadable(reason: str) -> str:
    """The list is none; `reason` is a sentence of facecore's about it."""
    return f"The list cannot be read. {reason[:1].upper()}{reason[1:].rstrip('.')}."


def too_slow(minutes: int) -> str:
    """The work was given up."""
    return f"This took more than {minutes} minutes, so it was stopped. Split the list, or score it on your own machine."


def nothing_scored() -> str:
    """No worker could be started, or the like."""
    return "The photos could not be worked on. Try again."


def zip_too_large(size: int, limit: int) -> str:
    """Too many bytes for a zip."""
    return f"The zip has {size / 1e6:.0f} MB, and at most {limit / 1e6:.0f} MB are accepted. Split it."


def zip_damaged() -> str:
    """Not a zip, or a broken one."""
    return "The photos must come as a zip file, and this is none, or it is damaged. Pack them anew."


def zip_many_entries() -> str:
    """More entries than are even looked at."""
    return "The zip holds far too many files. Nothing of it was unpacked."


def zip_too_many_entries(entries: int, limit: int) -> str:
    """Too many files and folders."""
    return f"The zip holds {entries:,} files, and at most {limit:,} are accepted. Nothing of it was unpacked."


def zip_too_many_photos(photos: int, limit: int) -> str:
    """Too many photos."""
    return f"The zip holds {photos:,} photos, and at most {limit:,} are accepted. Nothing of it was unpacked."


def zip_bomb(limit: int) -> str:
    """It would unpack to too much."""
    return f"Unpacked, the photos of this zip would take more than {limit / 1e9:.0f} GB, so it was refused."


def zip_no_photos() -> str:
    """No photos in it."""
    return "There are no photos in this zip (JPEG, PNG, WebP, BMP, TIFF, GIF, HEIC or AVIF)."


def zip_all_large(limit: int) -> str:
    """Only photos that are too large."""
    return f"All photos in this zip are larger than {limit / 1e6:.0f} MB. Save them smaller."


def zip_leads_out(name: str) -> str:
    """A path out of the folder."""
    return _refused(name, "leads out of the folder in which the zip is unpacked")


def zip_odd_name(name: str) -> str:
    """Control characters."""
    return _refused(name, "holds characters that cannot be printed")


def zip_device(name: str) -> str:
    """A name such as CON."""
    return _refused(name, "is kept for a device on Windows")


def zip_link(name: str) -> str:
    """A link, device or pipe."""
    return _refused(name, "is a link or a special file, not a photo")


def zip_too_deep(name: str, depth: int) -> str:
    """Too many folders within each other."""
    return _refused(name, f"lies more than {depth} folders deep")


def zip_long_name(name: str) -> str:
    """Too long a name."""
    return _refused(name, "is too long a name")


def zip_twice(name: str) -> str:
    """Two entries of one name."""
    return _refused(name, "is in it twice")


def zip_password() -> str:
    """Encrypted."""
    return "The zip has a password. Pack the photos without one."


def zip_unusual() -> str:
    """A method other than deflate."""
    return "The zip was packed in an unusual way. Pack the photos anew with the usual settings."


def headline(pairs: int, failed: int) -> str:
    """The answer in one line."""
    scored = pairs - failed
    noun = "pair" if pairs == 1 else "pairs"
    return f"{pairs:,} {noun} scored" if not failed else f"{scored:,} of {pairs:,} {noun} scored"


def photos_used(images: int, ignored: int, large: int, limit: int) -> str:
    """What was in the zip.

    Args:
        images: distinct photos that the list names and that were found.
        ignored: files that are no photos.
        large: photos over the limit.
        limit: in bytes.
    """
    parts = [f"The list names {images:,} {'photo' if images == 1 else 'photos'} that the zip holds."]
    if large:
        verb = "was" if large == 1 else "were"
        parts.append(f"{large:,} larger than {limit / 1e6:.0f} MB {verb} left out.")
    if ignored:
        parts.append(f"{ignored:,} other {'file' if ignored == 1 else 'files'} in the zip went unused.")
    return " ".join(parts)


def decisions(same: int, uncertain: int, different: int, threshold: float) -> str:
    """How the verdicts fell."""
    return (
        f"Verdicts: {same:,} same person, {uncertain:,} too close to call, {different:,} different people. The page "
        f"says “same person” from a score of {threshold:.3f}."
    )


def no_verdicts() -> str:
    """A model without a calibration."""
    return (
        "This model comes without a calibration, so there are scores and no verdicts. The command python -m "
        "eval.calibrate makes one."
    )


def right(accuracy: float, genuine: int, impostors: int, failed: int) -> str:
    """How often the threshold is right; `accuracy` in 0..1, `failed` the pairs without a score."""
    wrong = " Pairs without a score count as told wrongly." if failed else ""
    told = "all" if accuracy == 1 else percent(accuracy)
    told = told[:1].lower() + told[1:]  # "More than 99.9%" begins a sentence elsewhere
    return (
        f"Judged by the labels ({genuine:,} pairs of the same person, {impostors:,} of different people), that score "
        f"tells {told} of the pairs correctly.{wrong} The report below says how far this can be trusted."
    )


def judged_without_threshold(genuine: int, impostors: int) -> str:
    """Labels, and no threshold to judge by them."""
    return (
        f"The list names {genuine:,} pairs of the same person and {impostors:,} of different people; the report says "
        "how well the scores part them."
    )


def why(status: str, problem: str) -> str:
    """Why a photo could not be used: `status` of `eval.scoring.Sides`, and what more is known."""
    words = STATUS.get(status, status)
    return f"{words}: {problem}" if problem and status == "unreadable" else words


def no_labels() -> str:
    """Nothing to judge by."""
    return "The list does not say which pairs show the same person, so there are scores and no error rates."


def one_kind() -> str:
    """Labels of one kind alone."""
    return "All labels of the list say the same, so there are scores and no error rates, which need both kinds of pair."


def none_found() -> str:
    """No name of the list is in the zip."""
    return (
        "None of the photos that the list names is in the zip. The names must be those in the zip, with their folders."
    )


def failed_more(number: int) -> str:
    """Photos that are not shown."""
    return f"and {number:,} more, see the table of scores"


def _refused(name: str, why: str) -> str:
    shown = photo_name(name)
    return f"The zip was refused: “{shown[:80]}” {why}. Nothing of it was unpacked."
