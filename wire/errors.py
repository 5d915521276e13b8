"""The base class of errors that a person can mend."""


class UserError(Exception):
    """An error whose message says what is wrong and what to do, in words for whoever gave the command.

    The command line prints the message and exits with status 1. Any other error is a fault of ours and keeps its
    traceback.
    """
