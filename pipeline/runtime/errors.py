"""The one error that users see: what is wrong, where, and how to fix it."""


class UserError(Exception):
    """Bad input that the user can correct; shown as one message, without a traceback.

    The message names the file or config key and the cure.
    """


_NO_MEMORY = ("out of memory", "can't allocate memory", "cannot allocate memory", "bad_alloc")


def lacks_memory(error: BaseException) -> bool:
    """Whether it says that memory is short; PyTorch and C libraries say so in a RuntimeError."""
    return isinstance(error, MemoryError) or any(
        words in str(error).lower() for words in _NO_MEMORY
    )
