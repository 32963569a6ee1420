"""Weights that a library publishes: downloaded by it, or a message that says what to do instead."""

from collections.abc import Callable
from typing import TypeVar

from pipeline.runtime.errors import UserError

T = TypeVar("T")


def downloaded(get: Callable[[], T], name: str) -> T:
    """What a library gives that downloads weights: a network with them, or the weights alone.

    Args:
        get: asks the library.
        name: of the network or of its weights, for the message.

    Raises:
        UserError: there are none, or they cannot be downloaded.
    """
    try:
        return get()
    except Exception as error:  # each library and its network code raises what it likes
        raise UserError(
            f"weights: those of {name} could not be downloaded: {error}. Download them where there "
            "is a network and give the file instead: `weights: FILE`."
        ) from error
