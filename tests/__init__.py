"""The promises, mirrored to the code."""
