"""Every exception batchgen raises on purpose.

    BatchgenError
    ├── WrongUsage          exit 2: nothing was stored, the text names the place and the remedy
    │   ├── SettingsError       a key, a value, a file of settings
    │   ├── ManifestError       problems of manifests, all of them at once
    │   │   └── NotAgreed           what costs more than the change itself: a person may agree
    │   ├── TooDear             a run that costs more than a person wants to be asked about
    │   ├── UnknownBatch        no batch (or no job in it) of that name
    │   └── DatabaseError       cannot be opened, or is newer than the program
    └── Halted              exit 3: the run ended before its jobs did, and a person is needed

`exit_code` is what a command ends with when nobody catches the error.
"""


class BatchgenError(Exception):
    """The root: its text is written for the person at the terminal."""

    exit_code = 2


class WrongUsage(BatchgenError):
    """What was typed or written cannot be done; nothing was stored."""


class SettingsError(WrongUsage):
    """A setting is unknown, malformed or missing."""


class ManifestError(WrongUsage):
    """One or more manifests cannot be stored; the text lists the problems."""


class NotAgreed(ManifestError):
    """What was made from changed rows would be made again as well; the text names the option, `asked` only what it is."""

    def __init__(self, text: str, asked: str) -> None:
        super().__init__(text)
        self.asked = asked


class TooDear(WrongUsage):
    """A run would cost more than it may without a word of a person; nothing was sent."""


class UnknownBatch(WrongUsage):
    """The named batch, or the named job in it, does not exist."""


class DatabaseError(WrongUsage):
    """The database cannot be opened or is not one this program can use."""


class Halted(BatchgenError):
    """Going on makes no sense until a person has acted; jobs stay pending."""

    exit_code = 3
