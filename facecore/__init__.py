"""Tell from two photos whether they show the same person, and say how sure that is."""
