"""Settings without the folders of the machine that they were given on."""

from __future__ import annotations

import re
from typing import Any

#: A path that begins at the root, at a home folder, or at a drive or server of Windows.
_ABSOLUTE = re.compile(r"(/|~|[A-Za-z]:[\\/]|\\\\)")
#: How the name of a file of trained weights ends; its folder never matters.
WEIGHTS_SUFFIX = ".safetensors"


def file_name(path: str) -> str:
    """Last part of a path of any system."""
    return path.replace("\\", "/").rsplit("/", 1)[-1]


def without_folders(value: Any) -> Any:
    """Options of a policy, each path of weights and absolute path cut to its file name."""
    if isinstance(value, str):
        path = _ABSOLUTE.match(value) or value.endswith(WEIGHTS_SUFFIX)
        return file_name(value) if path else value
    if isinstance(value, dict):
        return {key: without_folders(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(without_folders(entry) for entry in value)
    return value
