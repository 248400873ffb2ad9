"""A batch becomes a file that other tools read."""
