"""Workflows as people write them with Hera; `test_hera.py` runs them.

Each function returns a workflow that is not sent yet. The functions under `@script` run in Python
of this machine: Hera puts their source into the manifest. Hera reads annotations, so they are not
postponed here.
"""
# ruff: noqa: SIM117, T201 - a template is a block in its workflow; scripts are programs of their own

from typing import Any

from hera.workflows import (
    DAG,
    Artifact,
    Container,
    ContainerNode,
    ContainerSet,
    CronWorkflow,
    EmptyDirVolume,
    NoneArchiveStrategy,
    Parameter,
    RetryStrategy,
    Steps,
    Suspend,
    Task,
    Workflow,
    WorkflowTemplate,
    script,
)
from hera.workflows import models as m

PYTHON = "python:3.12"


@script(image=PYTHON)
def draw(count: int) -> None:
    import json

    print(json.dumps([number * number for number in range(count)]))


@script(image=PYTHON)
def add(left: int, right: int) -> None:
    print(left + right)


@script(image=PYTHON)
def total(numbers: list) -> None:
    print(sum(int(number) for number in numbers))


@script(
    image=PYTHON,
    outputs=[Parameter(name="word", value_from=m.ValueFrom(path="/tmp/word.txt"))],
)
def choose() -> None:
    with open("/tmp/word.txt", "w") as file:
        file.write("oar")


@script(
    image=PYTHON,
    outputs=[Artifact(name="log", path="/tmp/log.txt", archive=NoneArchiveStrategy())],
)
def sail(days: int) -> None:
    with open("/tmp/log.txt", "w") as file:
        file.writelines(f"day {day}\n" for day in range(days))


@script(image=PYTHON, inputs=[Artifact(name="log", path="/tmp/read.txt")])
def count_days() -> None:
    with open("/tmp/read.txt") as file:
        print(len(file.readlines()))


@script(image=PYTHON, retry_strategy=RetryStrategy(limit=3, retry_policy="Always"))
def stumble() -> None:
    import sys

    attempt = int("{{retries}}")  # the engine fills it in
    print(f"attempt {attempt}")
    sys.exit(0 if attempt == 2 else 3)


@script(image=PYTHON)
def say(text: str) -> None:
    print(text)


def steps(**common: Any) -> Workflow:
    """Steps one after the other; the result of one is a parameter of the next."""
    arguments = {"left": 20}
    with Workflow(name="steps", entrypoint="main", arguments=arguments, **common) as made:
        with Steps(name="main") as main:
            first = add(
                name="first", arguments={"left": "{{workflow.parameters.left}}", "right": "1"}
            )
            with main.parallel():
                add(name="second", arguments={"left": first.result, "right": first.result})
                choose(name="word")
            say(name="speak", arguments={"text": "{{steps.word.outputs.parameters.word}}"})
    return made


def diamond(**common: Any) -> Workflow:
    """A graph whose ends meet again, and a file that goes from one task to another."""
    with Workflow(name="diamond", entrypoint="main", **common) as made, DAG(name="main"):
        start = sail(name="sail", arguments={"days": "3"})
        left = count_days(name="left", arguments=[start.get_artifact("log").with_name("log")])
        right = add(name="right", arguments={"left": "4", "right": "5"})
        end = add(name="end", arguments={"left": left.result, "right": right.result})
        start >> [left, right] >> end
    return made


def loops(**common: Any) -> Workflow:
    """Fan out over a list that a script makes, and over one that is written down; fan in."""
    with Workflow(name="loops", entrypoint="main", **common) as made, Steps(name="main"):
        numbers = draw(name="draw", arguments={"count": "4"})
        each = add(
            name="each",
            arguments={"left": "{{item}}", "right": "1"},
            with_param=numbers.result,
        )
        total(name="total", arguments={"numbers": each.result})
        add(name="pairs", with_items=[{"left": 1, "right": 2}, {"left": 30, "right": 40}])
    return made


def conditions(**common: Any) -> Workflow:
    """What runs depends on how others ended, and on what they said."""
    with Workflow(name="conditions", entrypoint="main", **common) as made:
        Container(name="no", image="busybox", command=["false"])
        with DAG(name="main"):
            coin = add(name="coin", arguments={"left": "1", "right": "1"})
            heads = say(name="heads", arguments={"text": "heads"}, when=f"{coin.result} == 2")
            tails = say(name="tails", arguments={"text": "tails"}, when=f"{coin.result} != 2")
            coin >> [heads, tails]
            fails = Task(name="fails", template="no")
            fails.on_failure(say(name="mend", arguments={"text": "mended"}))
            fails.on_success(say(name="never", arguments={"text": "never"}))
    return made


def attempts(**common: Any) -> Workflow:
    """A step that works the third time; whatever happens, there is a report."""
    report = Container(
        name="report",
        image="busybox",
        command=["echo", "{{workflow.name}} {{workflow.status}} {{workflow.failures}}"],
    )
    with Workflow(name="attempts", entrypoint="main", on_exit="report", **common) as made:
        with Steps(name="main"):
            stumble(name="stumble")
    made.templates.append(report)
    return made


def approval(**common: Any) -> Workflow:
    """Waits until a person says who may sail."""
    with Workflow(name="approval", entrypoint="main", **common) as made:
        ask = Suspend(
            name="ask",
            intermediate_parameters=[
                Parameter(name="who", default="Jason", enum=["Jason", "Medea"])
            ],
        )
        with Steps(name="main"):
            asked = ask(name="asked")
            say(name="answer", arguments={"text": asked.get_parameter("who").value})
    return made


def crew(**common: Any) -> Workflow:
    """Containers of one pod, one after the other, with a directory that they share."""
    with Workflow(name="crew", entrypoint="main", **common) as made:
        deck = EmptyDirVolume(name="deck", mount_path="/deck")
        mount = m.VolumeMount(name="deck", mount_path="/deck")
        with ContainerSet(name="main", volumes=[deck], volume_mounts=[mount]):
            rows = ContainerNode(
                name="rows", image="busybox", command=["sh", "-c", "echo stroke > /deck/drum"]
            )
            hears = ContainerNode(
                name="main", image="busybox", command=["sh", "-c", "cat /deck/drum"]
            )
            rows >> hears
    return made


def stored(**common: Any) -> WorkflowTemplate:
    """A template for others to use: a sum, with a default."""
    arguments = [Parameter(name="left", value="2")]
    with WorkflowTemplate(name="stored", entrypoint="main", arguments=arguments, **common) as made:
        with Steps(name="main"):
            add(name="sum", arguments={"left": "{{workflow.parameters.left}}", "right": "40"})
    return made


def refers(**common: Any) -> Workflow:
    """Uses a script of the stored template."""
    with Workflow(name="refers", entrypoint="main", **common) as made, DAG(name="main"):
        reference = m.TemplateRef(name="stored", template="add")
        first = Task(name="a", template_ref=reference, arguments={"left": "1", "right": "2"})
        second = Task(
            name="b", template_ref=reference, arguments={"left": first.result, "right": "4"}
        )
        first >> second
    return made


def nightly(**common: Any) -> CronWorkflow:
    """Runs each night."""
    with (
        CronWorkflow(
            name="nightly",
            schedules=["0 2 * * *"],
            timezone="Europe/Athens",
            entrypoint="main",
            **common,
        ) as made,
        Steps(name="main"),
    ):
        say(name="speak", arguments={"text": "good night"})
    return made


def leaky(**common: Any) -> Workflow:
    """Fails as long as its parameter says so; what it did before is done only once."""
    arguments = {"leak": "yes"}
    with Workflow(name="leaky", entrypoint="main", arguments=arguments, **common) as made:
        Container(
            name="bail",
            image="busybox",
            command=["test", "{{workflow.parameters.leak}}", "=", "no"],
        )
        with DAG(name="main"):
            before = add(name="before", arguments={"left": "1", "right": "1"})
            before >> Task(name="bail", template="bail")
    return made


def one_line(**common: Any) -> Workflow:
    """Writes one line: Hera's logs are those of one frame."""
    with Workflow(name="one-line", entrypoint="main", **common) as made:
        Container(name="main", image="busybox", command=["sh", "-c", "echo ahoy"])
    return made


def endless(**common: Any) -> Workflow:
    """Ends when it is told to."""
    with Workflow(name="endless", entrypoint="main", **common) as made:
        Container(name="main", image="busybox", command=["sh", "-c", "echo rowing; sleep 600"])
    return made
