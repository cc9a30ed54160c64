"""Evaluating a face verification model: `python -m eval.score`."""
