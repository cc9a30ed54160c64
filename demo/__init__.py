"""The page that compares two photos."""
