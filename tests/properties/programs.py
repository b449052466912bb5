"""Random workflows, and what their jobs do. The same seed gives the same.

What a job does follows from its node's name alone, so that neither order nor repetition matters.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tiphys.messages import JobSpec
from tiphys.runtime.simulated import Outcome

_IMAGE = {"image": "x", "command": ["do", "{{inputs.parameters.p}}"]}
KINDS = ("container",) * 3 + ("script",) * 3 + ("set", "http", "plugin", "plugin")
LIMITS: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "limits"},
    "data": {"two": "2"},
}
"""The ConfigMap that has the limits of the semaphores."""
BODIES: dict[str, dict[str, Any]] = {
    "container": {"container": _IMAGE},
    "script": {"script": {"image": "x", "command": ["sh"], "source": "echo"}},
    "http": {"http": {"url": "http://x/{{inputs.parameters.p}}"}},
    "plugin": {"plugin": {"any": {"p": "{{inputs.parameters.p}}"}}},
    "set": {
        "containerSet": {
            "containers": [
                {"name": "main", "dependencies": ["a", "b"], **_IMAGE},
                {"name": "a", **_IMAGE},
                {"name": "b", "dependencies": ["a"], **_IMAGE},
            ]
        }
    },
}
SECONDS = (0.0, 0.0, 0.5, 1.0, 2.0, 7.0)
RESULTS = ("[1, 2]", "[]", '["a", "b", "c"]', '{"k": 1}', "3")


@dataclass(frozen=True)
class Program:
    """A workflow and the script its jobs follow."""

    seed: int
    document: dict[str, Any]

    @property
    def text(self) -> str:
        return json.dumps(self.document)

    def say(self, job: JobSpec) -> Outcome:
        """Return what a job does."""
        rng = Random(f"{self.seed} {job.node_name}")
        fate = rng.random()
        return Outcome(
            seconds=rng.choice(SECONDS),
            code=rng.choice((1, 2, 75)) if fate < 0.22 else 0,
            error="it broke" if 0.22 <= fate < 0.27 else "",
            lost=0.27 <= fate < 0.30,
            result=rng.choice(RESULTS),
            parameters={"o": rng.choice(("1", "2", "x y", "[1]"))},
            waiting="ContainerCreating" if rng.random() < 0.1 else "",
        )


@dataclass
class _Made:
    """A template that others may call, and whether it leaves `outputs.parameters.o`."""

    name: str
    has_output: bool
    has_result: bool = False
    size: int = 1


@dataclass
class _Maker:
    seed: int
    rng: Random
    timing: bool
    templates: list[dict[str, Any]] = field(default_factory=list)
    leaves: list[_Made] = field(default_factory=list)
    frames: list[_Made] = field(default_factory=list)

    def chance(self, probability: float) -> bool:
        return self.rng.random() < probability

    # ---------------------------------------------------------------------------- templates

    def leaf(self, name: str) -> None:
        kind = self.rng.choice(KINDS)
        template: dict[str, Any] = {
            "name": name,
            "inputs": {"parameters": [{"name": "p", "value": "0"}]},
        } | BODIES[kind]
        made = _Made(name, self.chance(0.5) and kind not in {"http", "plugin"}, kind == "script")
        if made.has_output:
            source: dict[str, Any] = {"path": "/o"}
            if self.chance(0.4):
                source["default"] = "none"
            template["outputs"] = {"parameters": [{"name": "o", "valueFrom": source}]}
        if self.chance(0.4):
            template["retryStrategy"] = self.retry()
        if self.timing and self.chance(0.2):
            template["activeDeadlineSeconds"] = self.rng.choice((1, 3))
        if self.timing and self.chance(0.2) and kind == "container":
            template["daemon"] = True
        self.guards(template)
        self.templates.append(template)
        self.leaves.append(made)

    def guards(self, template: dict[str, Any]) -> None:
        """Have a template wait for locks, or look its outputs up in a cache."""
        if self.chance(0.15):
            locks: dict[str, Any] = {"mutexes": [{"name": self.rng.choice("ab")}]}
            if self.chance(0.5):
                locks["semaphores"] = [{"configMapKeyRef": {"name": "limits", "key": "two"}}]
            template["synchronization"] = locks
        if self.timing and self.chance(0.15):
            template["memoize"] = {
                "key": self.rng.choice(("k", "k", "no_key", "{{workflow.parameters.w}}")),
                "maxAge": self.rng.choice(("1h", "")),
                "cache": {"configMap": {"name": "cache"}},
            }

    def pause(self) -> None:
        seconds = str(self.rng.choice((0, 1, 3)))
        template: dict[str, Any] = {"name": "pause", "suspend": {"duration": seconds}}
        self.guards(template)
        self.templates.append(template)
        self.leaves.append(_Made("pause", False))

    def ask(self) -> None:
        """Add a node that waits for a person (or, sometimes, for a time without an answer)."""
        suspend = {"duration": "2"} if self.chance(0.5) else {}
        outputs = {"parameters": [{"name": "o", "valueFrom": {"supplied": {}}}]}
        template = {"name": "ask", "suspend": suspend, "outputs": outputs}
        self.guards(template)
        self.templates.append(template)
        self.leaves.append(_Made("ask", True))

    def retry(self) -> dict[str, Any]:
        strategy: dict[str, Any] = {"limit": self.rng.choice((0, 1, 2, "3"))}
        if self.chance(0.5):
            policies = ("Always", "OnFailure", "OnError", "OnTransientError")
            strategy["retryPolicy"] = self.rng.choice(policies)
        if self.chance(0.5):
            backoff: dict[str, Any] = {"duration": self.rng.choice(("1", "2s", "500ms"))}
            if self.chance(0.5):
                backoff["factor"] = 2
            if self.chance(0.3):
                backoff["cap"] = "3"
            if self.timing and self.chance(0.5):
                backoff["maxDuration"] = self.rng.choice(("3s", "10s"))
            strategy["backoff"] = backoff
        if self.chance(0.3):
            strategy["expression"] = self.rng.choice(
                (
                    "asInt(lastRetry.exitCode) != 2",
                    'lastRetry.status == "Error" || asInt(retries) < 1',
                )
            )
        return strategy

    def frame(self, name: str) -> None:
        template: dict[str, Any] = {
            "name": name,
            "inputs": {"parameters": [{"name": "p", "value": "0"}]},
        }
        made = self.steps(template) if self.chance(0.5) else self.dag(template)
        if self.chance(0.3):
            template["parallelism"] = self.rng.choice((1, 2))
        if self.timing and self.chance(0.2):
            template["failFast"] = True
        if self.chance(0.15):
            template["retryStrategy"] = {"limit": 1}
        self.guards(template)
        self.templates.append(template)
        self.frames.append(made)

    def callee(self) -> _Made:
        small = [made for made in self.frames if made.size < 12]
        return self.rng.choice(small if small and self.chance(0.3) else self.leaves)

    # -------------------------------------------------------------------------------- steps

    def steps(self, template: dict[str, Any]) -> _Made:
        groups: list[list[dict[str, Any]]] = []
        before: list[tuple[str, _Made, bool]] = []
        size = 1
        for index in range(self.rng.randint(1, 3)):
            group = []
            fresh = []
            for place in range(self.rng.randint(1, 3)):
                made = self.callee()
                step = self.call(f"s{index}{place}", made, before, "steps")
                if self.chance(0.3):
                    step["continueOn"] = {"failed": self.chance(0.7), "error": self.chance(0.5)}
                fresh.append((step["name"], made, _loops(step)))
                size += made.size * (3 if _loops(step) else 1)
                group.append(step)
            before += fresh
            groups.append(group)
        template["steps"] = groups
        return self.outputs(template, before, "steps", size)

    def dag(self, template: dict[str, Any]) -> _Made:
        tasks: list[dict[str, Any]] = []
        made_of: dict[str, tuple[_Made, bool]] = {}
        new_style = self.chance(0.5)
        size = 1
        ancestors: dict[str, set[str]] = {}
        for place in range(self.rng.randint(1, 5)):
            name = f"t{place}"
            made = self.callee()
            needs = [other for other in made_of if self.chance(0.5)]
            ancestors[name] = set(needs).union(*(ancestors[need] for need in needs))
            seen = [(n, *made_of[n]) for n in made_of if n in ancestors[name]]
            task = self.call(name, made, seen, "tasks")
            if needs and new_style:
                task["depends"] = self.condition(needs)
            elif needs:
                task["dependencies"] = needs
            if not new_style and self.chance(0.3):
                task["continueOn"] = {"failed": True, "error": self.chance(0.5)}
            made_of[name] = (made, _loops(task))
            size += made.size * (3 if _loops(task) else 1)
            tasks.append(task)
        dag: dict[str, Any] = {"tasks": tasks}
        if self.chance(0.3):
            dag["failFast"] = False
        template["dag"] = dag
        seen = [(n, *found) for n, found in made_of.items()]
        return self.outputs(template, seen, "tasks", size)

    def condition(self, needs: list[str]) -> str:
        parts = [
            self.rng.choice(
                (
                    need,
                    need,
                    f"{need}.Succeeded",
                    f"{need}.Failed",
                    f"!{need}.Failed",
                    f"({need}.Succeeded || {need}.Errored)",
                    f"{need}.Omitted",
                )
            )
            for need in needs
        ]
        return self.rng.choice((" && ", " || ")).join(parts)

    def outputs(
        self, template: dict[str, Any], seen: list[tuple[str, _Made, bool]], prefix: str, size: int
    ) -> _Made:
        sources = [name for name, made, _ in seen if made.has_output]
        has_output = bool(sources) and self.chance(0.4)
        if has_output:
            name = self.rng.choice(sources)
            source = {"parameter": f"{{{{{prefix}.{name}.outputs.parameters.o}}}}"}
            if self.chance(0.7):
                source["default"] = "nothing"
            template["outputs"] = {"parameters": [{"name": "o", "valueFrom": source}]}
        return _Made(template["name"], has_output, size=size)

    # -------------------------------------------------------------------------------- calls

    def call(
        self, name: str, made: _Made, seen: list[tuple[str, _Made, bool]], prefix: str
    ) -> dict[str, Any]:
        call: dict[str, Any] = {"name": name, "template": made.name}
        if self.chance(0.3):
            self.loop(call, seen, prefix)
        if self.chance(0.3):
            call["when"] = self.when(call, seen, prefix)
        values = ["7", "{{workflow.parameters.w}}", "{{inputs.parameters.p}}"]
        values += ["{{item}}"] * 3 * _loops(call)
        values += [f"{{{{{prefix}.{n}.outputs.parameters.o}}}}" for n, m, _ in seen if m.has_output]
        values += [f"{{{{{prefix}.{n}.status}}}}" for n, _, loops in seen if not loops]
        if made.name not in {"pause", "ask"} and self.chance(0.6):
            value = self.rng.choice(values)
            call["arguments"] = {"parameters": [{"name": "p", "value": value}]}
        if self.chance(0.2):
            call["hooks"] = self.hooks(made, name, prefix, _loops(call))
        return call

    def loop(self, call: dict[str, Any], seen: list[tuple[str, _Made, bool]], prefix: str) -> None:
        lists = [n for n, made, loops in seen if made.has_result and not loops]
        kind = self.rng.choice(("items", "param", "sequence", "result"))
        if kind == "result" and lists:
            name = self.rng.choice(lists)
            call["withParam"] = f"{{{{{prefix}.{name}.outputs.result}}}}"
        elif kind == "sequence":
            call["withSequence"] = {"count": str(self.rng.randint(0, 3))}
        elif kind == "param":
            call["withParam"] = self.rng.choice(("[]", "[1]", '["a", "b"]', "[1, 2, 3]"))
        else:
            call["withItems"] = self.rng.choice(([1, 2], ["a"], ["x", "y", "z"], [{"k": "v"}]))

    def when(self, call: dict[str, Any], seen: list[tuple[str, _Made, bool]], prefix: str) -> str:
        texts = ["true", "false", "{{workflow.parameters.w}} == w"]
        if _loops(call):
            texts += ["'{{item}}' != 'a'", "'{{item}}' == '1'"]
        plain = [n for n, _, loops in seen if not loops]
        texts += [f"{{{{{prefix}.{name}.status}}}} == Succeeded" for name in plain]
        return self.rng.choice(texts)

    def hooks(self, made: _Made, name: str, prefix: str, loops: bool) -> dict[str, Any]:
        leaves = [made.name for made in self.leaves]
        hooks: dict[str, Any] = {}
        if self.chance(0.7):
            hooks["exit"] = {"template": self.rng.choice(leaves)}
        if self.chance(0.5) and not loops:
            phase = self.rng.choice(("Succeeded", "Failed"))
            hooks["after"] = {
                "template": self.rng.choice(leaves),
                "expression": f'{prefix}["{name}"].status == "{phase}"',
            }
        if self.timing and self.chance(0.5) and not loops:
            hooks["during"] = {
                "template": self.rng.choice(leaves),
                "expression": f'{prefix}["{name}"].status == "Running"',
            }
        return hooks | self.more_hooks(made, name, prefix, loops)

    def more_hooks(self, made: _Made, name: str, prefix: str, loops: bool) -> dict[str, Any]:
        """Return hooks of loops, and such as cannot be run: chosen apart from all the rest."""
        rng = Random(f"{self.seed} {len(self.templates)} {name}")
        leaf = rng.choice(self.leaves).name
        found: dict[str, Any] = {}
        if loops and rng.random() < 0.5:
            phase = rng.choice(("Succeeded", "Failed", "Running" if self.timing else "Error"))
            expression = f'{prefix}["{name}"].status == "{phase}"'
            found["loop"] = {"template": leaf, "expression": expression}
        if loops and rng.random() < 0.5:
            found["item"] = {"template": leaf, "expression": "'{{item}}' != 'a'"}
        if prefix == "steps" and rng.random() < 0.5:
            other = rng.choice((f"{name[:-1]}0", f"{name[:-1]}1"))
            expression = f'steps["{other}"].status in ["Succeeded", "Skipped"]'
            found["other"] = {"template": leaf, "expression": expression}
        called = next(item for item in self.templates if item["name"] == made.name)
        is_rare = not called.keys().isdisjoint({"http", "suspend", "plugin"})
        if rng.random() < (0.6 if is_rare else 0.2):
            expression = f'{prefix}["{name}"].status != "Running" && {prefix}.nobody.status == ""'
            found["lost"] = {"template": leaf, "expression": expression}
        return found

    def workflow(self) -> dict[str, Any]:
        spec: dict[str, Any] = {
            "entrypoint": self.frames[-1].name,
            "arguments": {"parameters": [{"name": "w", "value": self.rng.choice(("w", "v"))}]},
            "templates": self.templates,
        }
        if self.chance(0.3):
            spec["parallelism"] = self.rng.choice((1, 2, 3))
        if self.chance(0.4):
            spec["onExit"] = self.rng.choice([*self.leaves, *self.frames[:-1]]).name
        if self.chance(0.2):
            spec["hooks"] = {
                "end": {
                    "template": self.rng.choice(self.leaves).name,
                    "expression": 'workflow.status == "Succeeded"',
                }
            }
        if self.chance(0.15):
            spec["synchronization"] = {"mutexes": [{"name": "whole"}]}
        if self.timing and self.chance(0.2):
            spec["activeDeadlineSeconds"] = self.rng.choice((2, 10, 30))
        return {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Workflow",
            "metadata": {"name": "w"},
            "spec": spec,
        }


def _loops(call: dict[str, Any]) -> bool:
    return any(name in call for name in ("withItems", "withParam", "withSequence"))


def make(seed: int, timing: bool = False) -> Program:
    """Return the random program of a seed.

    With `timing` it may hold what makes the result depend on when things happen: deadlines,
    failFast, hooks of running nodes.
    """
    maker = _Maker(seed, Random(seed), timing)
    for index in range(maker.rng.randint(1, 3)):
        maker.leaf(f"leaf{index}")
    if maker.chance(0.5):
        maker.pause()
    if timing and maker.chance(0.5):
        maker.ask()
    for index in range(maker.rng.randint(1, 4)):
        maker.frame(f"frame{index}")
    return Program(seed, maker.workflow())
