"""What is read of files besides workflows: a Job that would never run is refused with its line."""

from __future__ import annotations

import pytest

from tiphys.errors import InvalidDocument, Unsupported
from tiphys.service.documents import Source, load

JOB = """\
apiVersion: batch/v1
kind: Job
metadata: {name: j}
spec:
  template:
    spec:
      restartPolicy: Never
      containers:
      - {name: c, image: busybox}
"""


def read(text, strict=True):
    return load([Source("job.yaml", text.encode())], strict)


def test_a_job_that_is_right_is_kept():
    assert [item["kind"] for item, _ in read(JOB).others] == ["Job"]


def test_a_misspelt_field_of_a_job_is_found_in_its_line():
    wrong = JOB.replace("template:", "backofLimit: 1\n  template:")
    with pytest.raises(InvalidDocument) as caught:
        read(wrong)
    assert str(caught.value) == (
        'job.yaml:5:3: unknown field "spec.backofLimit"; did you mean `backoffLimit`?'
    )
    assert read(wrong, strict=False).others


@pytest.mark.parametrize(
    ("text", "error", "said"),
    [
        (JOB.replace("Never", "Always"), InvalidDocument, "restartPolicy: Required value"),
        (JOB + "  successPolicy: {rules: []}\n", Unsupported, "successPolicy is not supported"),
    ],
)
def test_a_job_that_would_never_run_is_refused(text, error, said):
    with pytest.raises(error, match=said) as caught:
        read(text)
    assert str(caught.value).startswith("job.yaml:5:3: ")
