"""The tab that scores a list of pairs: a list and a zip of photos in, scores and a report out."""
