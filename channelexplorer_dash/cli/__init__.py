"""The command ``channelexplorer``."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from channelexplorer_dash.cli.parsing import parser
from channelexplorer_dash.errors import ChannelExplorerError

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return the exit status: 0, 1 (`doctor`: a problem), 2 (a mistake), 130 (Ctrl-C)."""
    options = parser().parse_args(arguments)
    try:
        status: int = options.run(options)
        return status
    except ChannelExplorerError as error:
        sys.stderr.write(f"channelexplorer: {error}\n")
        return 2
    except KeyboardInterrupt:
        sys.stderr.write("\nStopped. What was computed stays in the store.\n")
        return 130
    except BrokenPipeError:
        # The reader of a pipe (`| head`) has had enough; keep Python from complaining at exit.
        sys.stdout = None
        return 0
