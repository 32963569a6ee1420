"""What unpickling costs, counted without doing it.

A pickle of a hundred bytes can ask for more than any machine has: a tuple of twice the tuple
before, forty times over, has 2^40 members for whoever hashes it as a key of a dictionary, and one
text can be copied by each of a million calls. PyTorch's safe unpickler bounds neither.
"""

import io
import pickletools
import tarfile
from _compat_pickle import IMPORT_MAPPING
from pathlib import Path
from typing import Any, BinaryIO

import torch

_PER_BYTE, _FREE = 8, 2**20  # steps that a pickle may cost: for each byte read so far, and besides
_DEEPEST = 500  # tuples in tuples; hashing goes down as deep on C's stack
_LARGE = object()  # a number; other than small ones, any number of these may have one hash
_AGAIN = 16  # keys of one hash that are compared in a step


def check_cost(path: Path, *, in_zip: bool) -> None:
    """Refuse a file of weights that would take far more time or memory than its size to unpickle.

    The format before 1.6 is five pickles: a magic number, the version, the machine, the content
    and a list of keys. The one before that, a tar archive, is refused.

    Args:
        path: of the file.
        in_zip: whether it is a zip archive, the format since PyTorch 1.6.

    Raises:
        ValueError: it would, it is damaged, or it has operations that PyTorch does not write.
    """
    if in_zip:
        # PyTorch's own reader: another one may find another record in a file made for that
        content = torch._C.PyTorchFileReader(str(path)).get_record("data.pkl")
        _check_pickle(io.BytesIO(content))
    elif tarfile.is_tarfile(path):
        raise ValueError("a tar archive")
    else:
        with open(path, "rb") as stream:
            for keys in (False, False, False, False, True):
                _check_pickle(stream, keys=keys)


def names_in_old_file(path: Path) -> set[str]:
    """The classes and functions that a file of PyTorch's format before 1.6 names."""
    names = set()
    with open(path, "rb") as stream:
        for _ in range(4):  # a magic number, the version, the machine, the content
            for operation, argument, _ in pickletools.genops(stream):
                if operation.name == "GLOBAL":
                    module, name = str(argument).split(" ", 1)
                    # modules have the names of Python 2, as pickle writes them for old readers
                    names.add(f"{IMPORT_MAPPING.get(module, module)}.{name}")
    return names


def _check_pickle(stream: BinaryIO, *, keys: bool = False) -> None:
    """Read a pickle up to its end and count; ``keys``: its content will be used as keys."""
    cost = _Cost(stream)
    stack: list[Any] = []  # tuples as tuples, whatever else has content as lists
    marks: list[int] = []
    memo: dict[Any, Any] = {}
    for operation, argument, _ in pickletools.genops(stream):
        name = operation.name
        if name == "MARK":
            marks.append(len(stack))
        elif name in ("TUPLE", "APPENDS", "SETITEMS"):
            start = marks.pop()
            items = stack[start:]
            del stack[start:]
            if name == "SETITEMS":
                cost.charge(items[::2])
            stack.append(tuple(items)) if name == "TUPLE" else stack[-1].extend(items)
        elif name in ("TUPLE1", "TUPLE2", "TUPLE3"):
            count = int(name[-1])
            stack[-count:] = [tuple(stack[-count:])]
        elif name == "APPEND":
            item = stack.pop()
            stack[-1].append(item)
        elif name == "SETITEM":
            value, key = stack.pop(), stack.pop()
            cost.charge([key])
            stack[-1].extend((key, value))
        elif name in ("REDUCE", "NEWOBJ"):
            given = stack.pop()
            cost.charge(given)
            stack[-1] = _Made([given])  # may hold all of it, and be given more
        elif name == "BUILD":
            cost.charge(stack.pop())  # attributes: nothing goes through them later
        elif name == "BINPERSID":
            cost.charge(stack.pop())
            stack.append(None)
        elif name in ("BINPUT", "LONG_BINPUT"):
            memo[argument] = stack[-1]
        elif name in ("BINGET", "LONG_BINGET"):
            stack.append(memo[argument])
        elif name in ("EMPTY_LIST", "EMPTY_DICT", "EMPTY_SET"):
            stack.append([])
        elif name in ("BINUNICODE", "SHORT_BINSTRING"):
            stack.append(argument)
        elif name in ("LONG1", "BINFLOAT"):
            stack.append(_LARGE)
        elif name in _SMALL:
            stack.append(None)
        elif name == "STOP" and keys:
            cost.charge(stack[-1])
        elif name not in ("PROTO", "STOP"):
            raise ValueError(f"unknown operation {name}")


_SMALL = (
    *("NONE", "NEWFALSE", "NEWTRUE", "BININT", "BININT1", "BININT2", "GLOBAL"),
    "EMPTY_TUPLE",
)


class _Made(list):
    """What an object of some class was made from."""


class _Cost:
    """Steps that unpickling takes, against the bytes that were read.

    Args:
        stream: of the pickle.
    """

    def __init__(self, stream: BinaryIO):
        self._stream = stream
        self._spent = self._foreseen = 0

    def charge(self, value: Any) -> None:
        """Count all that is reached from a value, each as often as it is reached."""
        waiting = [(value, 0)]
        while waiting:
            found, depth = waiting.pop()
            self._spend(1)
            if isinstance(found, str | tuple | list):
                self._spend(len(found))
            if type(found) is list:  # its members may be made keys
                self._foreseen += (now := sum(map(_has_foreseen_hash, found)))
                self._spend(now * self._foreseen // _AGAIN)
            if isinstance(found, tuple | list):
                if depth == _DEEPEST:
                    raise ValueError("too many tuples inside each other")
                waiting.extend((inner, depth + 1) for inner in found)

    def _spend(self, steps: int) -> None:
        self._spent += steps
        if self._spent > _FREE and self._spent > _FREE + _PER_BYTE * self._stream.tell():
            raise ValueError("it would take far more time or memory than its size")


def _has_foreseen_hash(key: Any) -> bool:
    """Whether the hash, unlike that of a text, is the same in each process."""
    return key is _LARGE or isinstance(key, tuple)
