"""``python -m aispend.cli``."""

from aispend.cli import main

main()
