"""Where photos become embeddings: on this machine (`local`) or on many (`ray`)."""
