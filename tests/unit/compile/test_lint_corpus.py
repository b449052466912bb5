"""Every manifest of the corpus lints as Argo lints it."""

from pathlib import Path

import pytest
from tests.conformance.lint import lint_corpus

from tiphys.service.documents import Source
from tiphys.service.lint import lint, wanted_kinds

CORPUS = Path(__file__).resolve().parents[4] / "shared/conformance"


@pytest.mark.parametrize("folder", ["argo-examples", "seeds"])
@pytest.mark.skipif(not CORPUS.exists(), reason="the conformance corpus is not here")
def test_the_corpus_lints_as_expected(folder):
    wrong = [
        (row["file"], text) for row, text in lint_corpus(CORPUS / folder) if text != row["lint"]
    ]
    assert wrong == []


@pytest.mark.parametrize("folder", ["argo-examples", "seeds"])
@pytest.mark.skipif(not CORPUS.exists(), reason="the conformance corpus is not here")
def test_warnings_leave_the_verdicts_alone_and_know_their_places(folder):
    files = sorted((CORPUS / folder).rglob("*.yaml"))
    sources = [Source(file.name, file.read_bytes()) for file in files]
    silent = [lint([source], wanted_kinds("all"), warnings=False) for source in sources]
    told = [lint([source], wanted_kinds("all")) for source in sources]
    for quiet, loud in zip(silent, told, strict=True):
        with_errors = [verdict.text for verdict in loud[0].verdicts if verdict.text]
        assert with_errors == [verdict.text for verdict in quiet[0].verdicts]
        for verdict in loud[0].verdicts:
            assert all(finding.rule for finding in verdict.findings)
            assert all(finding.line for finding in verdict.findings)
