"""What the tests of every room may ask for."""

from postgres import postgres

__all__ = ["postgres"]
