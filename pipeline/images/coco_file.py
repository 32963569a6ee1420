"""A COCO file as annotation tools write it: parsed, with ids and numbers taken by their value."""

import json
import math
from pathlib import Path
from typing import Any

from pipeline.runtime.errors import UserError


def read_content(path: Path) -> Any:
    """The parsed JSON of a file.

    Raises:
        UserError: it is missing, no regular file, or no JSON.
    """
    try:
        if path.exists() and not path.is_file():
            raise UserError(f"The annotations {path} are not a regular file. Give a COCO file.")
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise UserError(f"Cannot read the annotations {path}: {error.strerror}.") from error
    except RecursionError as error:
        raise UserError(
            f"The annotations {path} are nested too deeply to be a COCO file. Export them again."
        ) from error
    except ValueError as error:
        raise UserError(
            f"The annotations {path} are not valid JSON ({error}). Export them again."
        ) from error


def identity(value: Any) -> int | str | None:
    """An id by its value: 1, 1.0 and "1" are the same; None if it is not an id."""
    if isinstance(value, str):
        text = value.strip()
        number = number_of(text)
        whole = number is not None and number.is_integer() and len(text) < 16
        return int(number) if whole and number is not None else text or None
    number = number_of(value)
    return int(number) if number is not None and number.is_integer() else None


def number_of(value: Any) -> float | None:
    """A finite number, written as one or as text; None where it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def side(value: Any) -> int | None:
    """A side of an image in whole pixels, at least 1; None where it is none."""
    number = number_of(value)
    return int(number) if number is not None and number >= 1 and number.is_integer() else None
