"""The verbs and flags of reference/cli.md, typed from there, against ours, here and remote.

A flag is written with its short name, `=` if it has a value, `*` if it is repeated, `,` if that may
also be commas. What Argo has and Tiphys has not is in DIFFERENCES, with the reason; the page of
differences names each of them. What is ours alone is in OURS.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Final

import click
import pytest

from tiphys.cli.flags import ABSENT, CREDENTIALS, EVERYWHERE
from tiphys.cli.main import COMMANDS, LOCAL, REMOTE

FILES: Final = "-o/--output= --strict"
AFTER: Final = "-o/--output= -w/--wait --watch --log"
OVERRIDES: Final = (
    "--name= --generate-name= --entrypoint= --serviceaccount= -p/--parameter=* "
    "-f/--parameter-file=* -l/--labels="
)
SELECTED: Final = "-l/--selector= --field-selector="
TEMPLATES: Final = {
    "create": FILES,
    "get": "-o/--output=",
    "update": FILES,
    "delete": "--all",
    "lint": FILES,
}
ARGO: Final[dict[str, str]] = {
    # 4 to 8
    "submit": f"--from= {OVERRIDES} --priority= --dry-run --server-dry-run {AFTER} --strict "
    "--status= --node-field-selector= --scheduled-time=",
    "get": "-o/--output= --no-color --no-utf8 --status= --node-field-selector=",
    "list": f"-A/--all-namespaces -o/--output= --no-headers {SELECTED} --status=, --completed "
    "--running --resubmitted --prefix= --since= --older= --chunk-size=",
    "logs": "-c/--container= -f/--follow -p/--previous --since= --since-time= --tail= --grep= "
    "-l/--selector= --timestamps --no-color",
    "wait": "--ignore-not-found",
    "watch": "--status= --node-field-selector=",
    # 9
    "stop": f"{SELECTED} --node-field-selector= --message= --dry-run",
    "terminate": f"{SELECTED} --dry-run",
    "suspend": "",
    "resume": "--node-field-selector=",
    "retry": f"-p/--parameter=* {SELECTED} --node-field-selector= --restart-successful {AFTER}",
    "resubmit": f"-p/--parameter=* --memoized --priority= {SELECTED} {AFTER}",
    "node set": "--node-field-selector= -p/--output-parameter=* -m/--message= --phase=",
    # 10, 11
    "delete": f"--all -A/--all-namespaces --completed --resubmitted --older= --prefix= {SELECTED} "
    "--status=, --query-chunk-size= --dry-run --force",
    "lint": "--kinds=, -o/--output= --strict --offline --no-color",
    # 12
    **{f"template {verb}": flags for verb, flags in TEMPLATES.items()},
    "template list": "-A/--all-namespaces -l/--selector= -o/--output=",
    **{f"cluster-template {verb}": flags for verb, flags in TEMPLATES.items()},
    "cluster-template list": "-o/--output=",
    # 13
    "cron create": f"{OVERRIDES} --schedule= {FILES}",
    "cron get": "-o/--output=",
    "cron list": "-A/--all-namespaces -l/--selector= -o/--output=",
    "cron update": f"{OVERRIDES} {FILES}",
    "cron delete": "--all",
    "cron lint": FILES,
    "cron suspend": "",
    "cron resume": "",
    "cron backfill": "--start= --end= --format= --name= --parallel --argname= --maxworkflowcount=",
    # 14
    "archive list": "-o/--output= -l/--selector= --chunk-size=",
    "archive get": "-o/--output= --name --uid",
    "archive delete": "--name --uid",
    "archive list-label-keys": "",
    "archive list-label-values": "-l/--selector=",
    "archive resubmit": f"-p/--parameter=* --memoized --priority= {SELECTED} {AFTER} --name --uid",
    "archive retry": f"-p/--parameter=* --priority= {SELECTED} {AFTER} --name --uid "
    "--restart-successful --node-field-selector=",
    # 15 to 18
    "sync create": "--type= --limit= --cm-name=",
    "sync update": "--type= --limit= --cm-name=",
    "sync get": "--type= --cm-name=",
    "sync delete": "--type= --cm-name=",
    "cp": "--node-id= --template-name= --artifact-name= --path=",
    "convert": "-o/--output= --no-color",
    "auth token": "",
    "version": "--short",
    "completion": "",
    "executor-plugin build": "",
    # rest-api.md 1.1
    "server": "-p/--port= --base-href= -e/--secure --tls-certificate-secret-name= --hsts "
    "--auth-mode=* --configmap= --namespaced --managed-namespace= -b/--browser "
    "--event-operation-queue-size= --event-worker-count= --event-async-dispatch "
    "--x-frame-options= --access-control-allow-origin= --api-rate-limit= "
    "--allowed-link-protocol=* --log-format= --loglevel= --kube-api-qps= --kube-api-burst=",
}
"""Verb to its flags."""
GLOBAL: Final = (
    "-s/--argo-server= --argo-base-href= --argo-http1 -e/--secure -k/--insecure-skip-verify "
    "-H/--header= --instanceid= -n/--namespace= --loglevel= --log-format= -v/--verbose "
    "--gloglevel= --kubeconfig= --context= --cluster= --user= --server= --token= --username= "
    "--password= --as= --as-group= --as-uid= --certificate-authority= --client-certificate= "
    "--client-key= --tls-server-name= --insecure-skip-tls-verify --proxy-url= --request-timeout= "
    "--disable-compression"
)
OUTPUTS: Final[dict[str, str]] = {
    "submit resubmit retry list": "name json yaml wide",
    "get": "name json yaml short wide",
    "template create,template get,template update": "name json yaml wide",
    "archive get": "json yaml wide",
    "lint": "pretty simple",
    "template lint,cluster-template lint,cron lint": "pretty simple",
    "convert": "yaml json",
}
DIFFERENCES: Final[dict[tuple[str, str], str]] = {
    ("server", "--tls-certificate-secret-name"): "--tls-certificate and --tls-key name files",
    ("server", "--configmap"): "the settings file has what it holds",
    ("server", "--namespaced"): "roles say who may do what where",
    ("server", "--managed-namespace"): "roles say who may do what where",
    ("server", "--browser"): "there is no web page to look at yet",
    ("server", "--event-async-dispatch"): "an event is answered when it has been handled",
}
"""What Argo has and Tiphys has not, with the reason."""
_SUBMIT: Final = "--annotations --artifact --pod-priority-class-name"
OURS: Final[dict[str, str]] = {
    "": "--home --database --settings --no-color",
    "submit": f"{_SUBMIT} --runtime",
    "resubmit": "--runtime",
    "sync get": "--output",
    "version": "--output",
    "lint": "--explain --warnings --warnings-as-errors",
    "cluster-template list": "--all-namespaces --selector",
    "cron create": f"{_SUBMIT} --priority --runtime",
    "cron update": f"{_SUBMIT} --priority --runtime",
    "cron backfill": "--runtime",
    "auth token": "--expires --in --name --role",
    "server": "--host --open-metrics --runtime --tls-certificate --tls-key",
}
"""What Tiphys has and Argo has not; "" is for many verbs."""
OUR_VERBS: Final = {
    *("apply", "artifacts ls", "artifacts get", "artifacts open", "auth list", "auth revoke"),
    *("engine", "explain", "expr", "render", "run"),
    *("objects ls", "objects get", "objects logs", "objects delete"),
}
ROOT: Final = Path(__file__).parents[3]


def command(targets: dict[str, str], path: str) -> click.Command:
    """Return the command of a path of verbs."""
    first, *rest = path.split()
    module, _, name = targets[first].partition(":")
    found: click.Command = getattr(importlib.import_module(module), name)
    for verb in rest:
        assert isinstance(found, click.Group)
        found = found.commands[verb]
    return found


def ways(path: str) -> dict[str, click.Command]:
    """Return a verb's command here, and that through a server unless it is the same."""
    found = {"here": command(COMMANDS, path)}
    if path.split(maxsplit=1)[0] not in LOCAL:
        found["server"] = command(REMOTE, path)
    return found


def flags(text: str) -> dict[str, str]:
    """Return the flags of a line of the table: long name to the whole word."""
    return {word.rpartition("/")[2].rstrip("=*,"): word for word in text.split()}


def written(option: click.Option) -> str:
    """Return an option as the table writes it."""
    names = "/".join(sorted(option.opts, key=len))
    if option.is_flag:
        return names
    joined = option.multiple and option.callback is not None
    return f"{names}={',' if joined else '*' if option.multiple else ''}"


def options(found: click.Command) -> dict[str, str]:
    every = [item for item in found.params if isinstance(item, click.Option)]
    return {max(item.opts, key=len): written(item) for item in every}


# ------------------------------------------------------------------------------- the comparison


def verbs(targets: dict[str, str]) -> set[str]:
    """Return all paths of verbs."""
    found = set()
    for verb in targets:
        one = command(targets, verb)
        found |= (
            {f"{verb} {name}" for name in one.commands} if isinstance(one, click.Group) else {verb}
        )
    return found


def test_every_verb_is_there_both_ways_and_the_others_are_ours():
    assert verbs(COMMANDS) == {*ARGO} | OUR_VERBS
    assert verbs(REMOTE) == {path for path in verbs(COMMANDS) if path.split()[0] not in LOCAL}


@pytest.mark.parametrize("path", ARGO)
def test_a_verb_has_argos_flags_and_no_others_but_those_listed(path):
    wanted = flags(ARGO[path])
    missing = {flag for verb, flag in DIFFERENCES if verb == path}
    for way, found in ways(path).items():
        own = options(found)
        assert {*wanted} - {*own} == missing, way
        assert {flag: own[flag] for flag in wanted if flag in own} == {
            flag: word for flag, word in wanted.items() if flag in own
        }, way
        shared = {*EVERYWHERE, *CREDENTIALS, *OURS[""].split()}
        assert {*own} - {*wanted} - shared == {*OURS.get(path, "").split()} - (
            {"--runtime"} if way == "server" else set()
        ), way


@pytest.mark.parametrize("path", [*ARGO, *sorted(OUR_VERBS)])
def test_every_verb_takes_argos_flags_for_all_verbs(path):
    from tiphys.cli.words import arranged

    for way, found in ways(path).items():
        for flag, takes in EVERYWHERE.items():
            if flag in ("-e", "--secure", "--no-secure") and path == "server":
                continue
            words = [flag, *(["a:b"] if takes else []), *path.split()]
            line = arranged(
                words, lambda names, found=found: _at(names, path, found), way != "here"
            )
            context = click.Context(found)
            _, left, _ = found.make_parser(context).parse_args(line.words[len(path.split()) :])
            assert left == [], (way, flag)


def _at(names, path, found):
    """Return the command at some verbs of a path: a group on the way, the verb at its end."""
    whole = path.split()
    if [*names] == whole:
        return found
    return click.Group("on the way") if [*names] == whole[: len(names)] else None


def test_argos_flags_for_all_verbs_are_here_or_refused_with_the_reason():
    known = {*EVERYWHERE, *CREDENTIALS, *ABSENT}
    names = {name for word in GLOBAL.split() for name in word.rstrip("=").split("/")}
    assert known - names == {"--no-secure"}
    assert names <= known
    page = ROOT.joinpath("docs", "compatibility.md").read_text(encoding="utf-8")
    for flag in ABSENT:
        assert f"`{flag}`" in page, flag


def test_every_difference_is_on_the_page():
    page = ROOT.joinpath("docs", "compatibility.md").read_text(encoding="utf-8")
    for verb, flag in DIFFERENCES:
        assert f"`{flag}`" in page, (verb, flag)


@pytest.mark.parametrize("names", OUTPUTS)
def test_forms_of_output_are_argos_in_their_order(names):
    for path in names.split(",") if "," in names else [names] if names in ARGO else names.split():
        for found in ways(path).values():
            (option,) = (item for item in found.params if "--output" in item.opts)
            forms = OUTPUTS[names].split()
            assert [*option.type.choices][: len(forms)] == forms, path


def test_flags_that_argo_has_on_by_default_are_on():
    for path in ARGO:
        for found in ways(path).values():
            for option in found.params:
                if "--strict" in option.opts:
                    assert option.default is True, path
