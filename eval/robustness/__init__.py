"""What poor photos do to scores: resolution, blur, JPEG, darkness, rotation, covered parts."""
