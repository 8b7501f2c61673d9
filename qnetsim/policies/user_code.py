"""Policies that a user wrote and gives by file or module: found, hashed, imported.

Only what a user names is imported. A name that stands in a trace or a plan has no source, so no
file of others makes any code run.
"""

from __future__ import annotations

import ast
import difflib
import hashlib
import importlib
import re
import sys
import traceback
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from qnetsim.errors import QnetsimError, UsageError
from qnetsim.input_files import read_input
from qnetsim.scenario.tables.scenario import PolicySource
from qnetsim.streams import users_words

#: How a user names a class of their own.
FORM = "FILE.py:Class or module:Class"
#: Longest file that is read.
MOST_BYTES = 2**24
_REFERENCE = re.compile(
    r"(?P<place>[^\n]+\.py|[^\W\d]\w*(?:\.[^\W\d]\w*)*):(?P<class_name>[^\W\d]\w*)"
)


def is_reference(name: str) -> bool:
    """Whether a name says where a class is, and not which registered policy is meant."""
    return _REFERENCE.fullmatch(name) is not None


def split_reference(text: str) -> tuple[str, str]:
    """Reference at the start of a text, and what follows its colon; empty where there is none.

    ``my.py:Mine:quantile=0.9`` gives ``my.py:Mine`` and ``quantile=0.9``.
    """
    found = re.match(_REFERENCE.pattern + r"(?::(?P<rest>.*))?$", text, re.S)
    if found is None:
        return "", text
    return f"{found['place']}:{found['class_name']}", found["rest"] or ""


def find_source(reference: str, folder: Path | None = None) -> PolicySource:
    """Find the code behind a reference, and hash it.

    Parameters
    ----------
    reference : str
        ``FILE.py:Class`` or ``module:Class``.
    folder : Path, optional
        Of the file; the current one unless given.

    Raises
    ------
    UsageError
        There is no such file or module, or importing the module fails.
    """
    found = _REFERENCE.fullmatch(reference)
    if found is None:
        raise UsageError(f"policy {reference!r} is not {FORM}")
    place, class_name = found["place"], found["class_name"]
    if not place.endswith(".py"):
        return PolicySource(place, class_name, _module_sha256(place))
    path = ((folder or Path()) / Path(place).expanduser()).resolve()
    sha256 = hashlib.sha256(read_input(path, "file of a policy", MOST_BYTES)).hexdigest()
    return PolicySource(str(path), class_name, sha256)


def load_source(source: PolicySource) -> Any:
    """Import the code of a source, and return what bears its class name.

    Raises
    ------
    UsageError
        The code cannot be imported, has nothing of this name, or is not what was hashed.
    """
    file = source.file
    if file is None:
        module = _imported(source.place)
        sha256 = _module_sha256(source.place)
    else:
        code = read_input(file, "file of a policy", MOST_BYTES)
        sha256 = hashlib.sha256(code).hexdigest()
    if sha256 != source.sha256:
        raise UsageError(
            f"{shown(source)}: has changed since it was first read; give the command or call again"
        )
    if file is not None:
        module = _executed(file, code, sha256)
    if not hasattr(module, source.class_name):
        raise UsageError(
            f"{shown(source)}: has no class {source.class_name!r}; {_there(source, module)}"
        )
    return getattr(module, source.class_name)


def class_is_missing(place: str) -> str:
    """What to say where a file is given without a class; nothing of the file is run.

    Raises
    ------
    UsageError
        The file cannot be read.
    """
    code = read_input(Path(place).expanduser(), "file of a policy", MOST_BYTES)
    try:
        body = ast.parse(code).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        body = []
    classes = [node.name for node in body if isinstance(node, ast.ClassDef) and node.bases]
    given = " or ".join(f"{place}:{name}" for name in classes or ["Class"])
    return f"is a file; give the class too: {given}"


def shown(source: PolicySource) -> str:
    """The place of a source as a message names it."""
    return source.place if source.file is None else _short(source.file)


def _there(source: PolicySource, module: ModuleType) -> str:
    """What a user may have meant."""
    names = [
        name
        for name, value in vars(module).items()
        if isinstance(value, type)
        and hasattr(value, "decide")
        and not name.startswith("_")
        and value.__module__ == module.__name__
    ]
    close = difflib.get_close_matches(source.class_name, names, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    return f"{hint}policies there: {', '.join(names) or 'none'}"


def _short(path: Path) -> str:
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


#: Modules made of files, by the file and its hash.
_executed_files: dict[tuple[Path, str], ModuleType] = {}


def _executed(file: Path, code: bytes, sha256: str) -> ModuleType:
    """Execute the code of a file, once for each content."""
    done = _executed_files.get((file, sha256))
    if done is not None:
        return done
    place = hashlib.sha256(str(file).encode(errors="surrogateescape")).hexdigest()
    module = ModuleType(f"_qnetsim_{file.stem}_{place[:8]}_{sha256[:8]}")
    module.__file__ = str(file)
    # dataclasses and pickle look for it by its name
    sys.modules[module.__name__] = module
    try:
        with users_words():
            exec(compile(code, str(file), "exec"), vars(module))
    except (Exception, SystemExit) as error:
        del sys.modules[module.__name__]
        raise UsageError(_said(error, file)) from error
    _executed_files[file, sha256] = module
    return module


@cache
def _imported(name: str) -> ModuleType:
    try:
        with users_words():
            return importlib.import_module(name)
    except ModuleNotFoundError as error:
        missing = error.name or name
        if not (name == missing or name.startswith(f"{missing}.")):
            raise UsageError(f"module {name!r} cannot be imported: {error}") from error
        file = Path(*name.split(".")).with_suffix(".py")
        hint = f"; give {file}:Class for the file that is here" if file.is_file() else ""
        raise UsageError(f"there is no module {name!r} to import{hint}") from None
    except (Exception, SystemExit) as error:
        raise UsageError(f"module {name!r} cannot be imported: {_said(error)}") from error


@cache
def _module_sha256(name: str) -> str:
    """Hash of the file that a module came from; that of the first look, as its code is."""
    file = getattr(_imported(name), "__file__", None) or ""
    if not file.endswith(".py"):
        raise UsageError(f"module {name!r} is not a Python file, so it has no hash; give a file")
    return hashlib.sha256(read_input(Path(file), "file of a policy", MOST_BYTES)).hexdigest()


def _said(error: BaseException, file: Path | None = None) -> str:
    """What went wrong in a user's code, with its line."""
    if isinstance(error, QnetsimError):
        return str(error)
    text = f"{type(error).__name__}: {error}"
    if isinstance(error, SyntaxError) and not error.filename and file is not None:
        return f"{_short(file)}: {text}"
    if isinstance(error, SyntaxError) and error.filename:
        return f"{_short(Path(error.filename))}:{error.lineno}: {type(error).__name__}: {error.msg}"
    frames = traceback.extract_tb(error.__traceback__)
    lines = [f for f in frames if file is not None and f.filename == str(file)] or frames[-1:]
    return f"{_short(Path(lines[-1].filename))}:{lines[-1].lineno}: {text}"
