"""Model cards whose figures come from files, not from fingers."""
