"""What stands in a command to be read and not run."""

from __future__ import annotations


def comment(text: str) -> str:
    """``text`` as one line that runs nothing: a line break in a name would end it, and what follows would run."""
    return f"# {' '.join(text.split())}"
