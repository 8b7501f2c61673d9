"""Where trained models lie: those that are shipped, and files of a user's own."""

from __future__ import annotations

from pathlib import Path

from qnetsim.errors import UsageError, argument
from qnetsim.shipped import shipped_folder

#: Where the models that come with qnetsim are.
MODELS = shipped_folder("models")


def model_file(policy: str, model: str, usual: str) -> Path:
    """File of a policy's weights.

    Parameters
    ----------
    policy : str
    model : str
        A file of weights, or the name of a shipped model; empty for the usual one.
    usual : str
        Name of the shipped model that is taken unless one is given.

    Raises
    ------
    UsageError
        No model of this name is shipped, or the file is of another kind.
    """
    if model.endswith(".safetensors"):
        return Path(model)
    path = MODELS / f"{policy}-{model or usual}.safetensors"
    if not path.is_file():
        if model and (Path(model).name != model or Path(model).exists()):
            raise UsageError(
                f"policy {policy!r}: {model} is no file of weights; give a .safetensors file that "
                "`qnetsim train` has written, or the name of a shipped model"
            )
        shipped = sorted(p.stem for p in MODELS.glob(f"{policy}-*.safetensors"))
        raise UsageError(
            f"policy {policy!r} has no trained model {path.stem!r} (shipped: "
            f"{', '.join(shipped) or 'none'}); train one by `qnetsim train SCENARIO --policy "
            f"{policy} --out FILE.safetensors` and give {as_given(policy, 'FILE.safetensors')}"
        )
    return path


def as_given(policy: str, model: str) -> str:
    """How a caller gives a policy these weights: for one command, and in a scenario."""
    short = argument("policy", f"{policy}:model={model}")
    return f'{short}, or model = "{model}" in the [[policy]] table'
