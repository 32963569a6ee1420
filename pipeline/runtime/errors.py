"""The one error that users see: what is wrong, where, and how to fix it."""


class UserError(Exception):
    """Bad input that the user can correct; shown as one message, without a traceback.

    The message names the file or config key and the cure.
    """
