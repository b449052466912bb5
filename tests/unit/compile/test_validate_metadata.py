"""Metadata is refused as an API server refuses it."""

import pytest

from tiphys.compile.validate_metadata import validate_metadata
from tiphys.model.meta import ObjectMeta


@pytest.mark.parametrize(
    ("metadata", "start"),
    [
        (ObjectMeta(), "name or generateName is required"),
        (ObjectMeta(name="Hello"), 'metadata.name: Invalid value: "Hello": a lowercase RFC 1123'),
        (ObjectMeta(name="a-"), 'metadata.name: Invalid value: "a-"'),
        (ObjectMeta(name="x" * 254), "metadata.name: Invalid value:"),
        (ObjectMeta(generate_name="A-"), "metadata.generateName: Invalid value:"),
        (ObjectMeta(name="a", labels={"a b": "c"}), 'metadata.labels: Invalid value: "a b"'),
        (ObjectMeta(name="a", labels={"a": "b c"}), 'metadata.labels: Invalid value: "b c"'),
        (ObjectMeta(name="a", labels={"a": "b" * 64}), "metadata.labels: Invalid value:"),
        (ObjectMeta(name="a", annotations={"/a": "b"}), "metadata.annotations: Invalid value:"),
        (ObjectMeta(name="a", annotations={"a": "b" * 262144}), "metadata.annotations: Too long"),
    ],
)
def test_bad_metadata_is_refused(metadata, start):
    assert validate_metadata(metadata)[0].reason.startswith(start)


def test_good_metadata_passes():
    labels = {"workflows.argoproj.io/phase": "Running", "empty": ""}
    metadata = ObjectMeta(generate_name="hello-", labels=labels, annotations={"x.y/Z": "any text"})
    assert validate_metadata(metadata) == []
