"""Documents as `-o yaml` prints them; apart, since most commands do without a YAML writer.

Source: reference/cli.md 3.6: keys are sorted.
"""

from __future__ import annotations

import re

import yaml

# Words that Go's YAML reader takes for booleans and PyYAML's writer does not quote.
_GO_BOOLEANS = re.compile(r"[yYnN]\Z")


def to_yaml(value: object) -> str:
    """Return the document as YAML with sorted keys; a list gets one more blank line."""
    text = yaml.dump(
        value,
        Dumper=_Dumper,
        sort_keys=True,
        default_flow_style=False,
        allow_unicode=True,
        width=2**30,
    )
    return f"{text}\n" if isinstance(value, list) else str(text)


class _Dumper(yaml.SafeDumper):
    """Writes text as Go's YAML writer does: blocks for several lines, quotes where needed."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 (PyYAML's signature)
        return True


def _text(dumper: _Dumper, value: str) -> yaml.ScalarNode:
    style = "|" if "\n" in value else '"' if _GO_BOOLEANS.match(value) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text)
