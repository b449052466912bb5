"""The settings file: what it may hold, what is said of one that is wrong, and its page."""

from __future__ import annotations

import re
from dataclasses import fields, replace
from pathlib import Path

import pytest

from tiphys.errors import InvalidDocument, UserError
from tiphys.settings import (
    HTTP_SETTINGS,
    IMAGE_SETTINGS,
    PLUGIN_SETTINGS,
    RUNTIMES,
    SETTINGS,
    ArtifactDriver,
    Http,
    Image,
    Plugin,
    Settings,
    load_settings,
)

PAGE = Path(__file__).resolve().parents[3] / "docs" / "settings.md"

ENTRIES = (*IMAGE_SETTINGS, *HTTP_SETTINGS, *PLUGIN_SETTINGS)

WRONG = {
    "- a\n": "s.yaml:1:1: a settings file is a mapping of names to values, not a list",
    "runtime\n": "s.yaml:1:1: a settings file is a mapping of names to values, not a single value",
    "slosts: 3\n": 's.yaml:1:9: unknown setting "slosts"; known are runtime, slots,',
    "runtime: docker\n": 's.yaml:1:10: "docker" is not a runtime; there are auto',
    "runtime: 5\n": 's.yaml:1:10: setting "runtime" is not a text',
    "slots: many\n": 's.yaml:1:8: setting "slots" is not a number from 0 on',
    "slots: 1.5\n": 's.yaml:1:8: setting "slots" is not a whole number',
    "idle_seconds: -1\n": 's.yaml:1:15: setting "idle_seconds" is not a number from 0 on',
    "images: {pattern: a}\n": 's.yaml:1:9: setting "images" is not a list',
    "images: [a]\n": 's.yaml:1:10: every entry of "images" is a mapping with a pattern',
    "images: [{root: host}]\n": 's.yaml:1:10: every entry of "images" needs a pattern',
    "images: [{pattern: a, root: nope}]\n": (
        's.yaml:1:29: "root" is "host", a directory, a tar file or "podman:<image>"; no nope'
    ),
    "images: [{pattern: a, path: /bin}]\n": (
        's.yaml:1:29: unknown setting "path" of an image; known are pattern, root, bin,'
    ),
    "images:\n- pattern: a\n  cmd: echo\n": 's.yaml:3:8: setting "cmd" is not a list',
    "images:\n- pattern: a\n  cmd: [1]\n": 's.yaml:3:8: setting "cmd" is not a list of texts',
    "slots: [\n": "s.yaml:2:1: yaml: ",
    "http: on\n": 's.yaml:1:7: setting "http" is not a mapping',
    "http: {allow: []}\n": (
        's.yaml:1:15: unknown setting "allow" of http; known are allow_hosts, deny_hosts,'
    ),
    "http: {deny_addresses: [a.example]}\n": ('s.yaml:1:25: "a.example" is no address and no CIDR'),
    "http: {allow_hosts: a}\n": 's.yaml:1:21: setting "allow_hosts" is not a list',
    "http: {follow_redirects: 1}\n": (
        's.yaml:1:26: setting "follow_redirects" is neither true nor false'
    ),
    "plugins: [x]\n": 's.yaml:1:11: every entry of "plugins" is a mapping with an address',
    "plugins: [{address: x}]\n": (
        's.yaml:1:11: every entry of "plugins" needs an address that begins with http'
    ),
    "plugins: [{addres: x}]\n": (
        's.yaml:1:20: unknown setting "addres" of a plugin; known are address, token, token_file'
    ),
    "plugins: [{address: 'http://x', token_file: nil.txt}]\n": (
        "s.yaml:1:45: the token in nil.txt cannot be read"
    ),
    "artifact_drivers: [x]\n": (
        's.yaml:1:20: every entry of "artifact_drivers" is a mapping with a name'
    ),
    "artifact_drivers: [{name: a}, {name: a}]\n": (
        's.yaml:1:31: every entry of "artifact_drivers" needs a name of its own'
    ),
    "artifact_drivers: [{name: a, image: i}]\n": (
        's.yaml:1:37: unknown setting "image" of an artifact driver; known are name, socket,'
    ),
    "workflow_defaults: 3\n": 's.yaml:1:20: setting "workflow_defaults" is not a mapping',
    "workflow_defaults: {spec: {sped: 1}}\n": (
        's.yaml:1:20: workflow_defaults: unknown field "spec.sped"'
    ),
    "template_referencing: Loose\n": (
        's.yaml:1:23: "template_referencing" is Strict or Secure, not "Loose"'
    ),
    "retention: {errors: 1}\n": (
        's.yaml:1:21: unknown setting "errors" of retention; known are completed, failed,'
    ),
    "retention: {failed: -1}\n": 's.yaml:1:21: setting "failed" is not a number from 0 on',
    "artifact_repository: {s4: {}}\n": ('s.yaml:1:22: artifact_repository: unknown field "s4"'),
    "estimate_durations: 1\n": (
        's.yaml:1:21: setting "estimate_durations" is neither true nor false'
    ),
}


@pytest.mark.parametrize("text", WRONG)
def test_a_settings_file_that_is_wrong(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("s.yaml").write_text(text)
    with pytest.raises(InvalidDocument) as caught:
        load_settings(file="s.yaml")
    assert str(caught.value).startswith(WRONG[text])


@pytest.mark.parametrize("text", ["", "# nothing\n", "{}"])
def test_an_empty_settings_file_is_one(text: str, tmp_path: Path) -> None:
    file = tmp_path / "s.yaml"
    file.write_text(text)
    assert load_settings(file=str(file)).runtime == "auto"


def test_the_example_of_the_page_is_a_settings_file(tmp_path: Path) -> None:
    match = re.search(r"```yaml\n(.*?)```", PAGE.read_text(), re.S)
    assert match is not None
    file = tmp_path / "s.yaml"
    file.write_text(match[1])
    (tmp_path / "slack.token").write_text("opensesame\n")
    settings = load_settings(file=str(file))
    assert settings.workflow_defaults["metadata"] == {"labels": {"team": "data"}}
    assert settings.artifact_repository["archiveLogs"] is True
    assert settings.retention == {"completed": 100, "failed": 500}
    assert (settings.runtime, settings.slots, settings.namespace) == ("process", 4, "team")
    assert settings.idle_seconds == 30
    tools = str(tmp_path / "tools")
    assert settings.images == (
        Image(
            "company/tools", bin=(f"{tools}/bin",), visible=(f"{tools}/lib",),
            entrypoint=("convert",), cmd=("--help",),
        ),
        Image("nvidia/*"),
    )  # fmt: skip
    assert settings.http == Http(
        deny_addresses=("10.0.0.0/8", "169.254.0.0/16"),
        allow_addresses=("10.1.2.3/32",),
        deny_hosts=("*.internal",),
        follow_redirects=True,
    )
    assert settings.plugins == (Plugin("http://127.0.0.1:4355", "opensesame"),)
    assert "opensesame" not in repr(settings)
    assert settings.artifact_drivers == (
        ArtifactDriver("mine", Path("/tmp/artifact-plugins/mine/socket")),
        ArtifactDriver("far", tmp_path / "far.sock", 30),
    )


def test_a_field_that_no_spec_has_cannot_be_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKFLOW_USER_OVERRIDE_ALLOWLIST", "onExit, nope")
    with pytest.raises(UserError, match='"nope" is not a WorkflowSpec field name'):
        load_settings()
    monkeypatch.setenv("WORKFLOW_USER_OVERRIDE_ALLOWLIST", "onExit, hooks")
    assert load_settings().override_allowlist == {"onExit", "hooks"}


def test_the_database_is_the_flags_then_the_environments_then_the_files(tmp_path, monkeypatch):
    file = tmp_path / "s.yaml"
    file.write_text("database: postgresql://me:hush@in.file/x\n")
    monkeypatch.delenv("TIPHYS_DATABASE", raising=False)
    assert load_settings(file=str(file)).database == "postgresql://me:hush@in.file/x"
    monkeypatch.setenv("TIPHYS_DATABASE", "postgresql://in.environment/x")
    assert load_settings(file=str(file)).database == "postgresql://in.environment/x"
    found = load_settings(file=str(file), database="postgresql://me:hush@flag/x")
    assert found.database == "postgresql://me:hush@flag/x"
    assert "hush" not in repr(replace(found, environ={}))


def test_every_setting_is_on_the_page() -> None:
    text = PAGE.read_text()
    assert {item.name for item in fields(Settings)} == {*SETTINGS, "home", "environ"}
    for name in (*SETTINGS, *ENTRIES, *RUNTIMES, "--home", "TIPHYS_HOME"):
        assert re.search(rf"`{name}\b", text), name
