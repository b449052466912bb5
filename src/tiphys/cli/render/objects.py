"""Objects as `objects ls` and `objects get` print them."""

from __future__ import annotations

from collections.abc import Sequence

from tiphys.cli.render.style import Style
from tiphys.cli.render.table import Line, one_line, render_table
from tiphys.cli.render.times import instant, short_duration, timestamp
from tiphys.compile.workloads.reading import part, restarts, text
from tiphys.compile.workloads.standing import standing
from tiphys.model.base import JsonObject
from tiphys.model.makers import maker_of
from tiphys.service.kept_objects import shown_name
from tiphys.service.metadata import name_of, namespace_of

_PADDING = 3


def render_objects(
    documents: Sequence[JsonObject], now: float, wide: bool, namespaces: bool
) -> str:
    """Return objects as a table; with `wide` what each says of itself."""
    more = ("OWNED", "MESSAGE") if wide else ()
    lines: list[Line] = [("NAME", "STATUS", "PODS", "WORKFLOW", "AGE", *more)]
    for document in documents:
        stands, maker = standing(document), maker_of(document)
        cells = (shown_name(document), stands.status, stands.pods, maker.name)
        said = ("yes" if maker.owns else "no", one_line(stands.message)) if wide else ()
        lines.append((*cells, _age(document, now), *said))
    if namespaces:
        places = ["NAMESPACE", *map(namespace_of, documents)]
        lines = [(place, *line) for place, line in zip(places, lines, strict=True)]
    return render_table(lines, _PADDING)


def render_object(
    document: JsonObject, pods: Sequence[JsonObject], now: float, style: Style
) -> str:
    """Return an object as keys and values, and the pods that it has made."""
    stands, maker, created = standing(document), maker_of(document), _created(document)
    goes = " (which owns it: it is deleted with it)" if maker.owns else ""
    every = (
        ("Name", name_of(document)),
        ("Namespace", namespace_of(document)),
        ("Kind", f"{document['kind']} ({document['apiVersion']})"),
        ("Workflow", f"{maker.name}{goes}" if maker.name else ""),
        ("Status", stands.status),
        ("Message", one_line(stands.message)),
        ("Created", "" if created is None else timestamp(created, now, style.zone)),
        ("Succeeded", stands.pods and f"{stands.pods} pods"),
    )
    head = "".join(f"{f'{key}:':<20} {value}\n" for key, value in every if value)
    if not pods:
        return head
    lines: list[Line] = [("POD", "STATUS", "RESTARTS", "AGE", "MESSAGE")]
    for pod in pods:
        state = standing(pod)
        cells = (name_of(pod), state.status, str(restarts(pod)), _age(pod, now))
        lines.append((*cells, one_line(state.message)))
    return f"{head}\n{render_table(lines, _PADDING)}"


def _age(document: JsonObject, now: float) -> str:
    created = _created(document)
    return "" if created is None else short_duration(now - created)


def _created(document: JsonObject) -> float | None:
    return instant(text(part(document, "metadata"), "creationTimestamp"))
