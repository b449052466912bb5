"""Texts with names only, which most are, must not pay for the languages they do not use."""

import subprocess
import sys

HEAVY = (
    "evaluate",
    "sprig",
    "goregex_parse",
    "gotime",
    "civil",
    "cron",
    "jsonpath",
    "jq_filter",
    "semver",
)


def loaded(code):
    code += "; import sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_tags_load_no_other_language():
    found = loaded("import tiphys.expr.template")
    assert found.isdisjoint(f"tiphys.expr.{name}" for name in HEAVY)
    assert found.isdisjoint(["zoneinfo", "decimal", "hashlib", "uuid", "jq"])


def test_an_expression_loads_neither_sprig_nor_calendars():
    found = loaded(
        "from tiphys.expr.template import compile_text;"
        "compile_text('{{=asInt(inputs.parameters.x) > 2}}')"
    )
    assert "tiphys.expr.evaluate" in found
    assert found.isdisjoint(["tiphys.expr.sprig", "tiphys.expr.gotime", "zoneinfo"])
