"""torchvision without PyTorch's compiler, which takes longer to import than the rest of PyTorch.

torchvision imports ``torch._dynamo`` in one module, ``ops.roi_align``, for one question that
is asked where regions of images are pooled on a GPU: can functions be compiled there? Every job
that loads a network or an image would spend more than a second on it. While that module is
imported, a stand-in gives it a function that asks the compiler when it is called.
"""

import importlib
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import ModuleType
from typing import Any

_ASKING = "torchvision.ops.roi_align"
_COMPILER, _ASKED = "torch._dynamo", "torch._dynamo.utils"


def without_compiler() -> None:
    """Have torchvision, where it is not imported yet, import no compiler."""
    if _ASKING not in sys.modules:
        sys.meta_path.insert(0, _Finder())


class _Finder(MetaPathFinder):
    """Finds that one module, with its loader exchanged."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != _ASKING:
            return None
        sys.meta_path.remove(self)
        spec = PathFinder.find_spec(name, path, target)
        if spec and isinstance(spec.loader, SourceFileLoader):
            spec.loader = _Loader(name, spec.loader.path)
        return spec


class _Loader(SourceFileLoader):
    """Loads it with the stand-in; as usual where the compiler is there, or more is asked of it."""

    def exec_module(self, module: ModuleType) -> None:
        if _COMPILER in sys.modules or not self._loads_with_stand_in(module):
            super().exec_module(module)

    def _loads_with_stand_in(self, module: ModuleType) -> bool:
        """Load it, unless it asks more of the compiler than the stand-in has."""
        stand_in = ModuleType(_ASKED)
        stand_in.is_compile_supported = _is_compile_supported  # type: ignore[attr-defined]
        sys.modules[_COMPILER], sys.modules[_ASKED] = ModuleType(_COMPILER), stand_in
        try:
            super().exec_module(module)
        except ImportError:
            return False
        finally:
            del sys.modules[_COMPILER], sys.modules[_ASKED]
        return True


def _is_compile_supported(device: Any) -> Any:
    """The compiler's answer."""
    return importlib.import_module(_ASKED).is_compile_supported(device)
