"""The commands: parse, one call, render. Heavy imports stand inside the commands, so that --help answers at once."""
