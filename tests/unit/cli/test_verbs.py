"""The tables of verbs."""

import importlib

import click

from tiphys.cli.main import COMMANDS, LOCAL, REMOTE


def test_every_verb_has_one_way_where_a_server_is_named():
    assert {*REMOTE} | LOCAL == {*COMMANDS}
    assert not {*REMOTE} & LOCAL


def test_every_verb_leads_to_a_command():
    for target in (*COMMANDS.values(), *REMOTE.values()):
        module, name = target.split(":")
        assert isinstance(getattr(importlib.import_module(module), name), click.Command), target
