"""The command line: one group that finds its commands through entry points; the core imports nothing outward."""

from __future__ import annotations

import sys
from importlib import metadata

import click

from earshot.errors import EarshotError, MissingExtraError

ENTRY_POINTS = "earshot.commands"
CANNOT_BE_CARRIED_OUT = 2
_INTERRUPTED = 130


class _Commands(click.Group):
    """Finds its commands among the entry points of all installed distributions."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(point.name for point in metadata.entry_points(group=ENTRY_POINTS))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        points = metadata.entry_points(group=ENTRY_POINTS, name=cmd_name)
        for point in points:
            try:
                command = point.load()
            except ImportError as error:
                # An extra is named like the top-level package that needs it.
                return _unavailable(cmd_name, MissingExtraError(f"'earshot {cmd_name}'", _extra(point, error)))
            if isinstance(command, click.Command):
                return command
        return None


def _extra(point: metadata.EntryPoint, error: ImportError) -> str:
    package = point.module.partition(".")[0]
    if (error.name or "").partition(".")[0] in ("earshot", "service", "training", "eval"):
        raise error  # a mistake of ours, not something left uninstalled
    return package


def _unavailable(name: str, error: MissingExtraError) -> click.Command:
    def refuse() -> None:
        raise error

    return click.Command(
        name,
        callback=refuse,
        short_help=str(error),
        context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
    )


@click.command(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="earshot")
def earshot() -> None:
    """Post triage: a post comes in, its category, urgency and calibrated scores come out."""


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 1 the judged thing failed, 2 the request cannot be carried out."""
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
    sys.exit(code if isinstance(code, int) else 0)


def _fail(message: str) -> None:
    click.echo("earshot: " + " ".join(message.split()), err=True)
    sys.exit(CANNOT_BE_CARRIED_OUT)


if __name__ == "__main__":
    main()
