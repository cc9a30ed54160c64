"""The tab that says what the model can do, what it cannot, and what happens to the photos."""
