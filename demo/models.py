"""The models that the page offers; a visitor chooses which of them answers."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from demo import text_models
from demo.about.card import read_card
from demo.strictness import Setting, Strictness, settings
from facecore import checkpoint
from facecore.errors import ModelError
from facecore.pretrained import find_model
from facecore.quality_limits import QualityLimits, read_limits
from facecore.recognizer import FaceRecognizer
from facecore.spec import RecognizerSpec
from facecore.verification.calibration import Calibration


class UnknownChoice(ValueError):
    """A model or a strictness that the page does not offer; the message is for people."""


@dataclass(frozen=True)
class Offer:
    """One model.

    Attributes:
        recognizer: runs it.
        spec: what the recognizer was made from, for worker processes.
        settings: the choices of strictness, see `demo.strictness.settings`.
        limits: from which measures on a photo is warned of.
        licence: of the weights, as the model card names it; empty where it does not.
    """

    recognizer: FaceRecognizer
    spec: RecognizerSpec
    settings: Mapping[Strictness, Setting]
    limits: QualityLimits
    licence: str

    @classmethod
    def of(cls, recognizer: FaceRecognizer, spec: RecognizerSpec | None = None) -> "Offer":
        """Read what belongs to a recognizer's model.

        Args:
            recognizer: runs the model.
            spec: None for one that names the model's directory and leaves the rest at its defaults.

        Raises:
            ModelError: the model's quality.json cannot be used.
        """
        model = recognizer.model
        limits = read_limits(model.directory, recognizer.feature_dim)
        spec = spec or RecognizerSpec(str(model.directory))
        return cls(recognizer, spec, settings(model.calibration), limits, read_card(model).licence)

    @property
    def name(self) -> str:
        """By which it is chosen."""
        return self.recognizer.model.name

    @property
    def calibration(self) -> Calibration | None:
        """What its scores mean; None where the model has none."""
        return self.recognizer.calibration


class Models:
    """What is offered, in the order in which it is shown; the first is taken where nobody chooses.

    Args:
        offers: at least one.

    Raises:
        ModelError: two of them have the same name.
    """

    def __init__(self, offers: Sequence[Offer]) -> None:
        self._offers = {offer.name: offer for offer in offers}
        if len(self._offers) < len(offers):
            raise ModelError(text_models.same_names([offer.name for offer in offers]))

    @classmethod
    def of(cls, *recognizers: FaceRecognizer) -> "Models":
        """The models of these recognizers.

        Raises:
            ModelError: see `Offer.of` and the class.
        """
        return cls([Offer.of(recognizer) for recognizer in recognizers])

    def __iter__(self) -> Iterator[Offer]:
        return iter(self._offers.values())

    def __len__(self) -> int:
        return len(self._offers)

    @property
    def names(self) -> list[str]:
        """Of all."""
        return list(self._offers)

    @property
    def default(self) -> Offer:
        """The first."""
        return next(iter(self))

    def pick(self, name: object) -> Offer:
        """The one of this name, the first for None.

        Raises:
            UnknownChoice: it is not offered.
        """
        if name is None:
            return self.default
        if not isinstance(name, str) or name not in self._offers:
            raise UnknownChoice(text_models.unknown(self.names))
        return self._offers[name]


def load(names: Sequence[str]) -> Models:
    """Load models, all behind one face detector.

    Args:
        names: see `FaceRecognizer.from_pretrained`; at least one.

    Raises:
        ModelError: there is no such model, it cannot be used, or two have the same name.
    """
    offers, detector = list[Offer](), None
    for name in names:
        spec = RecognizerSpec(name).resolved()
        recognizer = FaceRecognizer(checkpoint.load(find_model(spec.model)), detector=detector)
        detector = recognizer.detector
        offers.append(Offer.of(recognizer, spec))
    return Models(offers)
