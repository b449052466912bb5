"""Argo's flags that every verb takes, and those that Tiphys does not have, each with the reason.

Source: reference/cli.md 2. tests/unit/cli/test_argo_flags.py compares both with it.
Differs: what says how a cluster is reached is refused by name, since nothing here asks one.
"""

from __future__ import annotations

from typing import Final

EVERYWHERE: Final[dict[str, bool]] = {
    **dict.fromkeys(("-s", "--argo-server", "--argo-base-href", "-H", "--header"), True),
    **dict.fromkeys(("-n", "--namespace", "--loglevel", "--log-format"), True),
    **dict.fromkeys(("--argo-http1", "-e", "--secure", "--no-secure"), False),
    **dict.fromkeys(("-k", "--insecure-skip-verify", "-v", "--verbose"), False),
    "--gloglevel": True,  # how much a Kubernetes client tells: there is none to tell anything
}
"""Flag to whether a value follows it. A verb for which it means nothing leaves it out, as in Argo:
those about a server where none is named, the namespace where none is looked at.
"""
OURS: Final[dict[str, bool]] = {
    **dict.fromkeys(("--home", "--database", "--settings", "--runtime"), True),
    "--no-color": False,
}
"""The same of flags that not every verb has; they too may stand before the verb."""
CREDENTIALS: Final = (
    *("--certificate-authority", "--client-certificate", "--client-key"),
    *("--token", "--username", "--password"),
)
"""Flags with a value, about who asks, of verbs that ask a server."""

_NO_CLUSTER: Final = "there is no cluster here; ARGO_SERVER or --argo-server names a server"
CLUSTER_SWITCHES: Final = ("--insecure-skip-tls-verify", "--disable-compression")
"""Those of the absent ones that have no value."""
ABSENT: Final[dict[str, str]] = {
    **dict.fromkeys(
        (
            *("--kubeconfig", "--context", "--cluster", "--user", "--server"),
            *("--as", "--as-group", "--as-uid", "--tls-server-name", "--proxy-url"),
            *("--request-timeout", *CLUSTER_SWITCHES),
        ),
        _NO_CLUSTER,
    ),
    "--instanceid": "a home has one engine, for all its workflows; --home chooses another home",
}
"""Flag to the reason why there is none."""
REFUSED_BY_SERVERS: Final = {"--instanceid": "cannot use instance ID with Argo Server"}
"""What Argo says of a flag where a server is named."""
