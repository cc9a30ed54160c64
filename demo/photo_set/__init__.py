"""The tab that sorts a set of photos: every pair of them compared, and groups of the same person."""
