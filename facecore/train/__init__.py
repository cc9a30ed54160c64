"""Training: `python -m facecore.train`."""
