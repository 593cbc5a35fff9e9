"""The one error that a command shows to the user as a sentence."""


class CommandError(Exception):
    """A request that cannot be met; its text says what to do. The command line prints it and exits with status 2."""
