"""What this user has said to a registry with `docker login` or `podman login`.

Source: docker/cli cli/config/configfile; docs.docker.com, Engine API, Authentication.
"""

from __future__ import annotations

import base64
import binascii
import json
from pathlib import Path
from typing import Final

_HUB: Final = "https://index.docker.io/v1/"
_FILE: Final = ".docker/config.json"


def registry_login(image: str, home: str) -> dict[str, str]:
    """Return the header that lets an engine pull an image; none if the user has no login. Blocks.

    podman looks into its own file, so only docker's is read. Credential helpers are not asked.
    """
    if not home:
        return {}
    first, slash, _ = image.partition("/")
    is_host = bool(slash) and ("." in first or ":" in first or first == "localhost")
    address = first if is_host else _HUB
    try:
        given = json.loads((Path(home) / _FILE).read_text(encoding="utf-8"))
        found = given["auths"][address]["auth"]
        user, _, password = base64.b64decode(found).decode().partition(":")
    except (OSError, ValueError, KeyError, TypeError, binascii.Error):
        return {}
    login = {"username": user, "password": password, "serveraddress": address}
    return {"X-Registry-Auth": base64.urlsafe_b64encode(json.dumps(login).encode()).decode()}
