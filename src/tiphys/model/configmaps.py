"""Parameter values from ConfigMaps.

Source: reference/language.md 4 (argument binding, rule 3); argo workflow/util/util.go,
GetConfigMapValue.
"""

from __future__ import annotations

from collections.abc import Mapping

from tiphys.errors import UserError
from tiphys.model.base import Json

LABEL = "workflows.argoproj.io/configmap-type"
PARAMETER = "Parameter"


class ConfigFault(UserError):
    """A ConfigMap has no such value; `absent` if it or its key does not exist."""

    def __init__(self, message: str, absent: bool) -> None:
        self.message = message
        self.absent = absent
        super().__init__(message)


def config_value(configs: Mapping[str, Json], name: str, key: str) -> str:
    """Return one value of a ConfigMap marked as holding parameters. Raises ConfigFault."""
    config = configs.get(name)
    if not isinstance(config, dict):
        raise ConfigFault(
            f"ConfigMap '{name}' does not exist. Please make sure it has the label {LABEL}: "
            f"{PARAMETER} to be detectable by the controller",
            absent=True,
        )
    metadata = config.get("metadata")
    labels = metadata.get("labels") if isinstance(metadata, dict) else None
    if not isinstance(labels, dict) or labels.get(LABEL) != PARAMETER:
        raise ConfigFault(
            f"ConfigMap '{name}' needs to have the label {LABEL}: {PARAMETER} to load parameters",
            absent=False,
        )
    data = config.get("data")
    value = data.get(key) if isinstance(data, dict) else None
    if value is None:
        raise ConfigFault(f"ConfigMap '{name}' does not have the key '{key}'", absent=True)
    return str(value)
