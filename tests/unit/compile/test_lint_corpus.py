"""Every manifest of the corpus lints as Argo lints it."""

from pathlib import Path

import pytest
from tests.conformance.lint import lint_corpus

CORPUS = Path(__file__).resolve().parents[4] / "shared/conformance"


@pytest.mark.parametrize("folder", ["argo-examples", "seeds"])
@pytest.mark.skipif(not CORPUS.exists(), reason="the conformance corpus is not here")
def test_the_corpus_lints_as_expected(folder):
    wrong = [
        (row["file"], text) for row, text in lint_corpus(CORPUS / folder) if text != row["lint"]
    ]
    assert wrong == []
