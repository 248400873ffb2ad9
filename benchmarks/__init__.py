"""How fast the program is beside others, and against its targets: `make bench`. Nothing here is part of the program."""
