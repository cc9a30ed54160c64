"""Architectures and batch sizes side by side, each trained under the same budget."""
