"""The command line: one group that finds its commands through entry points; the core imports nothing outward."""

from __future__ import annotations

import os
import sys
import traceback
from importlib import metadata
from typing import NoReturn

import click

from earshot.errors import EarshotError, MissingExtraError

ENTRY_POINTS = "earshot.commands"
CANNOT_BE_CARRIED_OUT = 2
_INTERRUPTED = 128 + 2
_READER_LEFT = 128 + 13


class _ReaderLeftError(Exception):
    """Whoever read our output closed it, as `head` does; click itself would exit 1, which means something else here."""


class _Commands(click.Group):
    """Finds its commands among the entry points of all installed distributions."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({point.name for point in metadata.entry_points(group=ENTRY_POINTS)})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        for point in metadata.entry_points(group=ENTRY_POINTS, name=cmd_name):
            try:
                command = point.load()
            except ImportError as error:
                return _unavailable(cmd_name, _missing(point, error))
            if isinstance(command, click.Command):
                return command
        return None

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            raise _ReaderLeftError from error


def _missing(point: metadata.EntryPoint, error: ImportError) -> Exception:
    """What to install for a command; an extra is named like the top-level package that needs it."""
    package = point.module.partition(".")[0]
    if (error.name or "").partition(".")[0] in ("earshot", package):
        return error  # a mistake of ours, not something left uninstalled
    what = f"'earshot {point.name}' (which lacks {error.name})"
    if point.dist is not None and package in (point.dist.metadata.get_all("Provides-Extra") or ()):
        return MissingExtraError(what, package)
    return EarshotError(f"{what} is not completely installed: install it again")


def _unavailable(name: str, error: Exception) -> click.Command:
    """A command that only says why it cannot run, so that the others are listed and run all the same."""

    def refuse() -> NoReturn:
        raise error

    return click.Command(
        name,
        callback=refuse,
        short_help=f"(not available) {error}",
        add_help_option=False,
        context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
    )


@click.command(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="earshot")
def earshot() -> None:
    """Post triage: a post comes in, its category, urgency and calibrated scores come out."""


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line and exit: 0 done, 1 the judged thing failed, 2 the request cannot be carried out.

    Interrupted it exits 130, and 141 when whoever reads its output closes it, as shells report them.
    """
    try:
        code = earshot.main(args=arguments, prog_name="earshot", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.ctx.get_help() if error.ctx else "", err=True)
        sys.exit(CANNOT_BE_CARRIED_OUT)
    except click.UsageError as error:
        hint = f" (see '{error.ctx.command_path} --help')" if error.ctx else ""
        _fail(error.format_message() + hint)
    except click.ClickException as error:
        _fail(error.format_message())
    except EarshotError as error:
        _fail(str(error))
    except (click.Abort, KeyboardInterrupt):
        click.echo("earshot: interrupted", err=True)
        sys.exit(_INTERRUPTED)
    except _ReaderLeftError:
        # What is still buffered has nowhere to go; without this, Python complains of it while it exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(_READER_LEFT)
    except OSError as error:
        _fail(str(error))
    except Exception:
        # Not 1, which would say that what was judged has failed.
        traceback.print_exc()
        _fail("this is a mistake in earshot: please report it with the lines above")
    sys.exit(code if isinstance(code, int) else 0)


def _fail(message: str) -> NoReturn:
    click.echo("earshot: " + " ".join(message.split()), err=True)
    sys.exit(CANNOT_BE_CARRIED_OUT)


if __name__ == "__main__":
    main()
