"""What a command says when it can't do its work."""


class CommandError(Exception):
    """A command can't go on. The text says why, and what to do about it; it is shown without a traceback."""
