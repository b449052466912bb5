"""tar, zip and none for those above the executor; the work is in `tiphys.executor.archive`.

It lives there because the executor packs and unpacks, and may not import this room.
"""

from tiphys.executor.archive import Limits, is_none, is_tar, pack, suffix, unpack

__all__ = ["Limits", "is_none", "is_tar", "pack", "suffix", "unpack"]
