"""Command lines as Argo's flags are written: where they stand, how they are joined, turned off."""

from __future__ import annotations

import click
import pytest

from tiphys.cli.main import COMMANDS, REMOTE, Verbs, cli
from tiphys.cli.words import Line, arranged


class Table(Verbs):
    """The verbs here, or through a server, whatever the command line of this process says."""

    def __init__(self, is_remote: bool) -> None:
        super().__init__()
        self.targets = {**COMMANDS, **(REMOTE if is_remote else {})}

    def find(self, path):
        from importlib import import_module

        command = self
        for name in path:
            if command is self:
                module, _, attribute = self.targets.get(name, "").partition(":")
                command = getattr(import_module(module), attribute) if module else None
            else:
                command = command.get_command(click.Context(command), name)
        return command


def read(text: str, is_remote: bool = False) -> Line:
    return arranged(text.split(), Table(is_remote).find, is_remote)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("-n team list", "list -n team"),
        ("-n=team cron list -A", "cron list -n team -A"),
        ("cron -n team list", "cron list -n team"),
        ("--namespace=team list", "list --namespace=team"),
        ("list -n=team", "list -n team"),
        ("logs w -fp", "logs w -f -p"),
        ("logs w -fcmain", "logs w -f -c main"),
        ("lint --strict=false a", "lint --no-strict a"),
        ("lint --strict false", "lint --strict false"),
        ("lint --strict=false --strict=1 a", "lint --strict a"),
        ("list -A --all-namespaces=false", "list"),
        ("list --completed=T", "list --completed"),
        ("list -A=0 --running=f", "list"),
        ("list -- --completed=x -n=y", "list -- --completed=x -n=y"),
        ("stop w --message --dry-run=x", "stop w --message --dry-run=x"),
        ("logs w --tail -1", "logs w --tail -1"),
        ("list -k -e=false -H a:b --argo-http1", "list"),
        ("convert - -n team", "convert -"),
        ("--home there list", "list --home there"),
        ("--no-color list", "list --no-color"),
        ("list -q", "list -q"),
        ("list --nope=1", "list --nope=1"),
        ("get -", "get -"),
        ("-h", "-h"),
        ("cron --help", "cron --help"),
        ("--version", "--version"),
        ("-n team", ""),
        ("-n team nosuch a", "nosuch a"),
        ("cron nosuch a", "cron nosuch a"),
        ("list -n", "list -n"),
    ],
)
def test_words_are_as_click_reads_them(given, words):
    assert read(given).words == words.split()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("-s there:1 -k list", "list -s there:1 -k"),
        ("list -ks=there:1", "list -k -s there:1"),
        ("list -e=false", "list --no-secure"),
        ("list --token x --insecure-skip-verify=true", "list --token x -k"),
        ("--token x convert -", "convert -"),
    ],
)
def test_flags_about_a_server_are_for_verbs_that_ask_one(given, words):
    assert read(given, is_remote=True).words == words.split()


@pytest.mark.parametrize(
    ("given", "is_remote", "said"),
    [
        (
            "list --completed=maybe",
            False,
            'invalid argument "maybe" for "--completed" flag: strconv',
        ),
        ("--context=a list", False, "--context: there is no cluster here; ARGO_SERVER"),
        ("list --context a", True, "--context: there is no cluster here"),
        ("list --token x", False, "--token: there is no cluster here"),
        ("list --instanceid a", False, "--instanceid: a home has one engine"),
        ("--instanceid a list", True, "cannot use instance ID with Argo Server"),
    ],
)
def test_what_there_is_not_is_said_with_the_reason(given, is_remote, said):
    with pytest.raises(click.UsageError) as caught:
        read(given, is_remote)
    assert caught.value.message.startswith(said)


def test_flags_about_logs_are_taken_from_anywhere():
    line = read("--loglevel debug list -v --log-format=json")
    assert line.words == ["list"]
    assert line.logging == {"--loglevel": "debug", "-v": "true", "--log-format": "json"}
    assert read("server --log-format json --loglevel warn").logging == {}


def test_the_root_reads_its_line_so(monkeypatch, tmp_path):
    from click.testing import CliRunner

    monkeypatch.setenv("TIPHYS_HOME", str(tmp_path))
    monkeypatch.setattr("sys.argv", ["tiphys"])
    done = CliRunner().invoke(cli, ["-n", "team", "list", "-k", "--completed=false"])
    assert done.output == "No workflows found\n", done
