"""Where the paths of a container are for us: in what is mounted, or in what was copied out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tiphys.executor import contract
from tiphys.executor.layout import Mount, RootedLayout

ARGO: Final = "/var/run/argo"
STAGING: Final = "/argo/staging"


class ContainerLayout(RootedLayout):
    """Files of ours lie below `root/` and are mounted one by one; outputs are copied to there."""

    def __init__(self, directory: str, mounts: Sequence[Mount], name: str) -> None:
        shared = Mount(ARGO, f"{directory}/{contract.SHARED}")
        super().__init__(directory, {}, {}, (*mounts, shared), name)

    @property
    def termination_log(self) -> str:
        """A file that is mounted at /dev/termination-log."""
        return f"{self.own}/{contract.TERMINATION_LOG}"
