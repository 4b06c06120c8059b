"""`earshot key NAME`: a new API key, and the line that lets it in."""

from __future__ import annotations

import click

from service.keys import key_line, new_key


@click.command()
@click.argument("name")
def key(name: str) -> None:
    """Make an API key for NAME.

    The line for the key file (EARSHOT_API_KEYS_FILE or EARSHOT_ADMIN_KEYS_FILE) goes to standard output, so that it
    can be appended; the key itself is shown once, on standard error.
    """
    made = new_key()
    line = key_line(name, made)
    click.echo(f"The key for {name}, which is shown only now: {made}", err=True)
    click.echo(line)
