"""Training data: what is in a folder or in shards, held ready for the training loop."""
