"""What the global options say, handed to every command."""

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from batchgen.cli.console import Console

if TYPE_CHECKING:
    from batchgen.project import Project
    from batchgen.settings.model import Settings
    from batchgen.settings.toml import Given


@dataclass(frozen=True, slots=True)
class App:
    """The global options, and the way from them to settings."""

    config: Path | None
    database: str | None
    console: Console

    def settings(self, options: Mapping[str, Any] | None = None, laid_over: "Mapping[str, Given] | None" = None) -> "Settings":
        """The settings in force; `options` are `table.key` -> value of this command, None where not given.

        `laid_over` is what its job files say.
        """
        from batchgen.settings.load import load

        given = {"database.url": self.database, **(options or {})}
        known = {name: value for name, value in given.items() if value is not None}
        return load(self.config, known, os.environ, Path.cwd(), laid_over)

    def accepted(self) -> Collection[str]:
        """The words that some provider of the settings takes as fields."""
        from batchgen.settings.load import accepted

        return accepted(self.config, Path.cwd())

    def project(self, options: Mapping[str, Any] | None = None, laid_over: "Mapping[str, Given] | None" = None) -> "Project":
        """The project of these settings, to be used as a context manager."""
        from batchgen.project import Project

        return Project(self.settings(options, laid_over))


pass_app = click.make_pass_decorator(App)
