"""Options that several commands share."""

import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeVar

import click

from batchgen.core import fields, translation, tutorials
from batchgen.core.inputs import anchored
from batchgen.core.manifest import typed
from batchgen.core.parameters import PARAMETERS, Choice, Truth, unfit
from batchgen.core.request import Value
from batchgen.errors import WrongUsage

if TYPE_CHECKING:
    from batchgen.ingest.source import Manifest
    from batchgen.settings.jobfile import JobFile
    from batchgen.settings.toml import Given

_Command = TypeVar("_Command", bound=Callable[..., Any])

STDIN = "-"
# A prompt belongs into a row; everything else can be the same for all rows.
FIELD_OPTIONS = (*(name for name in fields.REQUEST_FIELDS if name != "prompt"), *fields.INPUTS)
_GIVEN = (*FIELD_OPTIONS, *tutorials.FIELDS)


# By the names of the settings, which are not read yet.
provider = click.option(
    "--provider", metavar="NAME", help="Who makes the images: openai, sandbox, or one that the settings describe by its name."
)


def usd(text: str) -> Decimal:
    """An amount of money, to the micro-dollar; the type of an option."""
    from batchgen.core.budget import micros_of

    try:
        amount = Decimal(text)
        micros_of(amount)
    except InvalidOperation:
        raise click.BadParameter(f"{text!r} is no amount of USD, like 1.00") from None
    except ValueError as error:
        raise click.BadParameter(f"{text!r} {error}") from None
    return amount


def manifests(*, required: bool) -> Callable[[_Command], _Command]:
    """The files, and what is said about them."""

    def decorate(command: _Command) -> _Command:
        added: list[Callable[[_Command], _Command]] = [
            click.argument("manifests", nargs=-1, required=required, metavar="MANIFEST..." if required else "[MANIFEST]..."),
            click.option("--name", help="Name of the batch, for one manifest; may hold strftime fields, as in daily-%Y-%m-%d."),
            click.option("--update", is_flag=True, help="Make rows again whose request differs from what the batch holds."),
            click.option(
                "--yes",
                is_flag=True,
                help="Do not ask: with --update, also make again what was made from such rows; start what costs much.",
            ),
            click.option(
                "--column",
                "columns",
                multiple=True,
                metavar="FIELD=HEADER",
                help="Take a field from a column of another name; FIELD= takes it from no column.",
            ),
            click.option("--profile", metavar="NAME", help="Put this profile of the settings around every prompt."),
            provider,
        ]
        for option in reversed(added):
            command = option(command)
        return command

    return decorate


def request_fields(command: _Command, *, without: str = "") -> _Command:
    """An option for every field of a request, for rows whose cell is empty; but for one whose name means something else."""
    for name in (name for name in reversed(FIELD_OPTIONS) if name != without):
        kind = PARAMETERS.get(name)
        words = f" One of {', '.join(kind.words)}." if isinstance(kind, Choice) else ""
        words = " One of true, false." if isinstance(kind, Truth) else words
        option = click.option(_written(name), name, help=f"{name} of rows that do not give it.{words}")
        command = option(command)
    # Whoever types one of these is told what to write instead.
    for name in tutorials.FIELDS:
        command = click.option(_written(name), name, hidden=True)(command)
    return command


def given_fields(values: Mapping[str, Any], *, translate: bool = False, accepted: Collection[str] = ()) -> dict[str, Value]:
    """Those of a command's arguments that are fields of a request and were given. Raises WrongUsage for a misfit.

    What depends on the model, and what only some provider accepts, is checked with each row, where `translate` also rewrites
    the words of the tutorials.
    """
    given = {name: typed(name, values[name]) for name in _GIVEN if values.get(name) is not None}
    given |= {name: anchored(str(given[name]), Path.cwd()) for name in (*fields.INPUTS, tutorials.AN_IMAGE) if name in given}
    for name, value in given.items():
        for finding in unfit(name, value, translate=translate) if name not in accepted else ():
            hint = translation.hint([(name, finding.message)])
            raise WrongUsage(f"{_written(name)} {finding.message}" + (f"; {hint}" if hint else ""))
    return given


def about_rows(values: Mapping[str, Any]) -> bool:
    """Whether a command was told anything about the rows of a manifest."""
    return any(values.get(name) for name in ("name", "update", "columns", "profile")) or any(
        values.get(name) is not None for name in _GIVEN
    )


def _written(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def column_mapping(columns: Sequence[str], *, translate: bool = False, accepted: Collection[str] = ()) -> dict[str, str]:
    """`--column FIELD=HEADER` as field -> header. Raises WrongUsage."""
    mapping = {}
    for text in columns:
        word, equals, header = text.partition("=")
        field = fields.mappable(word, accepted)
        if not equals or field is None:
            known = ", ".join(fields.FIELDS)
            raise WrongUsage(f"--column {text}: write FIELD=HEADER, where FIELD is one of {known}")
        is_taken = field in accepted or (translate and field in tutorials.TRANSLATED)
        if field in tutorials.FIELDS and header and not is_taken:
            raise WrongUsage(f"--column {text}: {field} {tutorials.FIELDS[field]}")
        mapping[field] = header.strip()
    return mapping


@dataclass(frozen=True, slots=True)
class Files:
    """The manifests and job files that were given to a command, as they were written; `jobs` are the job files among them."""

    paths: Sequence[str]
    jobs: "Mapping[str, JobFile]"

    def laid_over(self, options: Mapping[str, Any]) -> "Mapping[str, Given]":
        """The settings that the job files bring along. Raises SettingsError where they disagree and no option decides."""
        from batchgen.settings.jobfile import laid_over

        return laid_over(self.paths, self.jobs, [name for name, value in options.items() if value is not None])


def given_files(paths: Sequence[str], accepted: Callable[[], Collection[str]]) -> Files:
    """The job files read, the manifests not yet. Raises WrongUsage.

    `accepted` tells the words that some provider of the settings takes as fields, where there is a job file.
    """
    from batchgen.settings.jobfile import SUFFIX, read

    named = [text for text in paths if Path(text).suffix.lower() == SUFFIX]
    for text in named:
        if not _is(Path.is_file, Path(text)):
            raise WrongUsage(f"there is no job file {text}")
    words = accepted() if named else ()
    return Files(paths, {text: read(Path(text), words) for text in named})


def manifest_sources(files: Files, name: str | None, *, simulated: bool) -> "list[Manifest]":
    """The files as manifests with the names of their batches. Raises WrongUsage."""
    if name is not None and len(files.paths) > 1:
        raise WrongUsage("--name names one batch: give it with one manifest")
    return [_manifest_source(text, files.jobs.get(text), name, simulated=simulated) for text in files.paths]


def _manifest_source(text: str, job: "JobFile | None", name: str | None, *, simulated: bool) -> "Manifest":
    from batchgen.ingest.source import Manifest, Origin
    from batchgen.ingest.submit import batch_name

    if text == STDIN:
        if name is None:
            raise WrongUsage("standard input needs --name")
        return Manifest(None, batch_name(_dated(name), simulated=simulated), named=True, open=_standard_input)
    given = Path(text)
    path = given if job is None else job.manifest
    if not _is(Path.is_file, path):
        named = "" if job is None else f", which {text} names"
        folder = f": it is a folder; name the files in it, as in {path / '*.csv'}" if _is(Path.is_dir, path) else ""
        raise WrongUsage(f"there is no manifest {path}{named}{folder}")
    chosen = job.name if name is None and job is not None else name
    batch = batch_name(given.stem if chosen is None else _dated(chosen), simulated=simulated)
    origin = None if job is None else Origin(given, job.content)
    return Manifest(path, batch, named=chosen is not None, open=_opener(path), origin=origin)


def _dated(name: str) -> str:
    """The name with its strftime fields filled in; one that cannot be is left for the rules of names to refuse."""
    try:
        return datetime.now().astimezone().strftime(name)
    except ValueError:
        return name


def _is(kind: Callable[[Path], bool], path: Path) -> bool:
    try:
        str(path).encode()
        return kind(path)
    except (OSError, UnicodeEncodeError):
        # A name that is too long or no text (the ledger could not keep it), a folder that may not be looked into.
        return False


def _opener(path: Path) -> Callable[[], IO[bytes]]:
    return lambda: path.open("rb")


def _standard_input() -> IO[bytes]:
    return sys.stdin.buffer
