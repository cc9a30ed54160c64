"""The one threshold that a measurement is made at."""

from facecore.recognizer import FaceRecognizer


def chosen_threshold(
    recognizer: FaceRecognizer, far: float | None, threshold: float | None, model: str
) -> tuple[float, str]:
    """The threshold that the flags of `facecore.flags.add_decision_flags` ask for, and what it is in words.

    Raises:
        ValueError: there is none, two were asked for, or the calibration has none at that rate.
    """
    if threshold is not None:
        if far is not None:
            raise ValueError("--far and --threshold exclude each other")
        return threshold, "given"
    if recognizer.calibration is None:
        raise ValueError(f"{model} has no calibration, which would give a threshold: give --threshold")
    if far is not None:
        return recognizer.calibration.threshold_for(far), f"at FAR {far:g} of its calibration"
    return recognizer.calibration.threshold, "shipped with the model"
