"""A manifest becomes a batch: read as a stream, checked whole, stored whole or not at all."""
