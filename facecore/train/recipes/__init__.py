"""What is trained, on which targets, with which losses."""
