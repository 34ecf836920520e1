"""Who does something by hand: it is written down with what they did."""

import getpass
import socket

from botocore.exceptions import BotoCoreError, ClientError

from hookline_cli.errors import CommandError
from hookline_cli.stack import Stack


def name_caller(stack: Stack, who: str | None = None) -> str:
    """Name whoever calls the command line.

    Args:
        stack: by whose credentials AWS is asked.
        who: what they say they are.

    Returns:
        That, where they say it; else the ARN that AWS knows them by; else `user@host`.

    Raises:
        CommandError: nobody can tell.
    """
    if who is not None:
        return who
    try:
        return str(stack.sts.get_caller_identity()["Arn"])
    except (ClientError, BotoCoreError):
        pass
    try:
        return f"{getpass.getuser()}@{socket.gethostname()}"
    except OSError:
        raise CommandError("who does this can't be found out: say it with --who") from None
