"""From a photo to faces, and from a face to the crop that the network sees."""
