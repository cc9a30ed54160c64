"""Protocols: one command each, from the photos as they were published to the numbers that papers print."""
