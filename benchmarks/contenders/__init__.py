"""Who the program is measured against: each a small script of its own, as a person would write it."""
