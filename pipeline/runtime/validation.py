"""What is wrong with a config, in words: every problem with its key and its cure."""

import difflib
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, ValidationError


def explain_validation(error: ValidationError, model: type[BaseModel]) -> str:
    """All problems of a failed validation in one text, each with its key and its cure."""
    lines = list(problems_of(error, model))
    return f"{len(lines)} problem(s) in the config:\n  " + "\n  ".join(lines)


def problems_of(error: ValidationError, model: type[BaseModel]) -> Iterator[str]:
    """Each problem of a failed validation of ``model``: its key, and what to write instead."""
    for problem in error.errors():
        # pydantic ends the path of a wrong name with "[key]"
        path = [str(part) for part in problem["loc"] if part != "[key]"]
        key = ".".join(path) or "config"
        message = problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "extra_forbidden":
            message = "unknown key" + nearest(path[-1], _keys_at(model, path[:-1]))
        elif "input" in problem and not isinstance(problem["input"], dict | list):
            message += f" (it is {problem['input']!r})"
        yield f"{key}: {message}"


def nearest(name: str, valid: Any) -> str:
    """' (did you mean ...?)' for the valid name nearest to ``name``, else the list of names."""
    names = [str(candidate) for candidate in valid]
    found = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    if found:
        return f"; did you mean {found[0]!r}?"
    return f"; valid: {', '.join(sorted(names))}" if names else ""


def _keys_at(model: type[BaseModel], path: list[str]) -> list[str]:
    """Names of the keys of the section at ``path``."""
    for part in path:
        inner = (
            _section_in(model.model_fields[part].annotation)
            if part in model.model_fields
            else model
        )  # a name chosen by the user, such as datasets.<name>
        if inner is None:
            return []
        model = inner
    return list(model.model_fields)


def _section_in(annotation: Any) -> type[BaseModel] | None:
    """The section type inside an annotation such as dict[str, Trunk] or Section | None."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in getattr(annotation, "__args__", ()):
        if found := _section_in(inner):
            return found
    return None
