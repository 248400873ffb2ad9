"""The program's entry: global options, the commands, and how errors end it."""

import gc
import importlib
import os
import sys
from pathlib import Path

import click

from batchgen import __version__
from batchgen.cli.app import App
from batchgen.cli.console import Console, Loudness
from batchgen.errors import BatchgenError

_UNEXPECTED = 3
_INTERRUPTED = 130
# Hardly anything that a start or the work makes is garbage that only the collector finds: to look for it as often as usual
# takes a tenth of a start.
_NEW_BEFORE_COLLECTING = 5_000

# Command -> the module that has it, under the command's own name. Only the one that is asked for is imported.
_COMMANDS = {
    "check": "check",
    "estimate": "estimate",
    "submit": "submit",
    "run": "run",
    "resume": "run",
    "status": "status",
    "failures": "failures",
    "show": "show",
    "cancel": "cancel",
    "export": "export",
    "verify": "verify",
    "costs": "costs",
    "reuse": "reuse",
    "models": "models",
    "sandbox": "sandbox",
    "db": "db",
    "config": "config",
}


class _Commands(click.Group):
    """Finds a command's module by its name."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order of use, not of the alphabet."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command that is asked for."""
        if cmd_name not in _COMMANDS:
            return None
        module = importlib.import_module(f"batchgen.cli.{_COMMANDS[cmd_name]}")
        command = getattr(module, f"{cmd_name}_command")
        assert isinstance(command, click.Command)
        return command


@click.command(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--config", type=click.Path(path_type=Path), help="Settings file.  [default: config.toml here, if there]")
@click.option("--database", metavar="URL", help="The ledger, as sqlite:///FILE or postgresql://USER@HOST/NAME.")
@click.option("-v", "--verbose", is_flag=True, help="Tell every attempt.")
@click.option("-q", "--quiet", is_flag=True, help="Silent unless a person is needed.")
@click.version_option(__version__, prog_name="batchgen")
@click.pass_context
def _batchgen(ctx: click.Context, config: Path | None, database: str | None, *, verbose: bool, quiet: bool) -> None:
    """Images out of an image API in bulk: a manifest goes in, images and a ledger come out, and any run can be resumed."""
    if verbose and quiet:
        raise click.UsageError("-v and -q exclude each other")
    loudness = Loudness.VERBOSE if verbose else Loudness.QUIET if quiet else Loudness.NORMAL
    ctx.obj = App(config, database, Console(loudness))


def main() -> None:
    """Run the command line and end the process with the command's code."""
    gc.set_threshold(_NEW_BEFORE_COLLECTING)
    try:
        code = _batchgen.main(prog_name="batchgen", standalone_mode=False)
        # A reader that went away is noticed here and not in the interpreter's last words.
        sys.stdout.flush()
    except click.exceptions.Abort:
        code = _INTERRUPTED
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except BatchgenError as error:
        Console(Loudness.QUIET).need(f"batchgen: {error}")
        code = error.exit_code
    except BrokenPipeError:
        # Whoever read our output has had enough (`| head`).
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except Exception as error:
        # No traceback reaches a user.
        code = _unexpected(error)
    sys.exit(code if isinstance(code, int) else 0)


def _unexpected(error: Exception) -> int:
    if {"-v", "--verbose"} & set(sys.argv):
        import traceback

        traceback.print_exception(error)
    where = error.__traceback__
    while where is not None and where.tb_next is not None:
        where = where.tb_next
    place = f"{Path(where.tb_frame.f_code.co_filename).name}:{where.tb_lineno}" if where else "?"
    text = (
        f"batchgen: an error in the program itself at {place}: {type(error).__name__}: {error}; the ledger keeps what was done"
    )
    Console(Loudness.QUIET).need(text)
    return _UNEXPECTED
