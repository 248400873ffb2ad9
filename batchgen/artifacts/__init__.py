"""Bytes become files that can be proven: sniffed, hashed, written whole, renamed into place."""
