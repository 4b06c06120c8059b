"""Where corrections are kept when nobody says otherwise. Reading it loads no database library."""

from __future__ import annotations

DEFAULT_DATABASE = "sqlite:///~/.local/share/earshot/feedback.db"
"""A file of the user's own; the folder is made when it is missing."""

SCHEMES = ("sqlite:///", "postgresql://", "postgres://")
"""What a database's URL may begin with."""
