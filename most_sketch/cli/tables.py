"""Tables on standard output, for a terminal and for files. No torch at import."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table


def print_table(table: Table) -> None:
    """Colours on a terminal only, and as wide as it is; in a file as wide as the table wants to be.

    Never narrower than what must not be broken: numbers are not cut.
    """
    live = sys.stdout.isatty()
    # Told and not left to be guessed: variables such as FORCE_COLOR would bring colours into files.
    console = Console(highlight=False, force_terminal=live)
    wanted = Measurement.get(console, console.options.update(width=sys.maxsize), table)
    console.width = max(console.width, wanted.minimum) if live else wanted.maximum
    console.print(table)
