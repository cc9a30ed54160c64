"""What programs ask: faces and embeddings, tools for language models, and whether the page lives."""
