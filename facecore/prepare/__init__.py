"""Photos to a folder or shards of aligned faces for training, and shards back to a folder."""
