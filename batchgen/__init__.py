"""Images out of an image API in bulk."""

__version__ = "0.1.0"
