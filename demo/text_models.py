"""What the page says about the models among which a visitor chooses."""

from collections.abc import Iterable, Mapping

MODEL = "Model"
LICENCES = {"non-commercial-research": "for non-commercial research only", "cc-by-4.0": "CC BY 4.0"}
"""Licences of weights in words; others are called by the names that they have."""
SHORT = {"non-commercial-research": "non-commercial"}
"""The same where there is little room."""
NO_LICENCE = "no licence named"
PRESS_COMPARE = "Press Compare to have the photos compared by this model."


def choice(name: str, licence: str) -> str:
    """A model as a choice.

    Args:
        name: of the model.
        licence: of its weights, as the model card names it; empty where it does not.
    """
    return f"{name} ({SHORT.get(licence, _licence(licence))})"


def licences(models: Mapping[str, str]) -> str:
    """Under which terms weights and code may be used.

    Args:
        models: licences by the names of the models.
    """
    told = ", ".join(f"{name}: {_licence(licence)}" for name, licence in models.items())
    return f"Terms of the weights: {told}. The code is under the Apache License 2.0."


def _licence(name: str) -> str:
    return LICENCES.get(name, name or NO_LICENCE)


def compared_by(name: str) -> str:
    """Which model gave the scores."""
    return f"Compared by the model {name}."


def unknown(offered: Iterable[str]) -> str:
    """A model was asked for that this page does not offer.

    Args:
        offered: the names of those that it does.
    """
    return f"This page can be asked for one of these models: {', '.join(offered)}."


def same_names(names: Iterable[str]) -> str:
    """Models were asked for that cannot be told apart.

    Args:
        names: of all.
    """
    return f"two of the models have the same name ({', '.join(names)}): rename the directory of one of them"
