"""Freed memory is kept by the process for its next allocation.

The tensors of a training step, or of the maps of a batch, are freed at its end and asked for again
in the next. glibc gives such large blocks back to the kernel each time, and the kernel hands out
empty pages anew, one fault each: a fifth of the time of a training on photographs, more than a
third of that of maps of a thousand classes (docs/performance.md). No result changes by a bit. As
the kept memory falls into pieces, a process may take nearly twice as much of it.
"""

import ctypes
import platform

# <malloc.h>, with glibc's names
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4


def keep_freed_memory() -> bool:
    """Tell glibc to keep what is freed.

    Returns:
        Whether it could be told: false on macOS, Windows and musl.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    settings = ((M_MMAP_MAX, 0), (M_TRIM_THRESHOLD, 2**31 - 1), (M_TOP_PAD, 64 * 2**20))
    return all([mallopt(name, value) == 1 for name, value in settings])
