"""What is deleted by itself: expired workflows, pods nobody needs, workflows beyond the number."""

from __future__ import annotations

import pytest
from tests.e2e.driver import Home, until
from tests.e2e.workflows import hello, shell, workflow

pytestmark = pytest.mark.e2e


def test_a_workflow_that_was_run_is_gone_after_its_time_with_all_that_belongs_to_it(
    home: Home,
) -> None:
    document = {**hello("short")}
    document["spec"]["ttlStrategy"] = {"secondsAfterSuccess": 0}
    document["spec"]["archiveLogs"] = True
    assert home.run("run", home.file("w.yaml", document)).code == 0
    until(lambda: not home.rows("SELECT 1 FROM runs"), "the workflow is deleted")
    assert not home.rows("SELECT 1 FROM events UNION SELECT 1 FROM nodes")
    assert not [*home.home.glob("runs/*"), *home.home.glob("artifacts/short")]


def test_the_pods_of_a_submitted_workflow_are_dropped_and_it_stays(home: Home) -> None:
    rule = {"strategy": "OnPodSuccess", "deleteDelayDuration": "0"}
    bad = {"name": "bad", "template": "bad", "continueOn": {"failed": True}}
    steps = [[{"name": "good", "template": "good"}], [bad]]
    main = {"name": "main", "steps": steps}
    document = workflow("w", main, shell("good", "true"), shell("bad", "exit 1"), podGC=rule)
    home.submit(home.file("w.yaml", document))
    until(lambda: home.is_done("w"), "the workflow is over")
    until(lambda: len([*home.home.glob("runs/*/*")]) == 1, "one pod is left")
    [left] = home.home.glob("runs/*/*")
    assert left.name == home.nodes("w")["bad"]["id"]
    assert home.get("w")["status"]["phase"] == "Succeeded"


def test_only_the_newest_workflows_are_kept(home: Home) -> None:
    (home.path / "settings.yaml").write_text("idle_seconds: 0.3\nretention: {completed: 1}\n")
    for name in ("a", "b"):
        home.ok("run", home.file("w.yaml", hello(name)))
    assert home.rows("SELECT name FROM runs") == [("b",)]


def test_a_volume_that_a_workflow_made_goes_with_its_success_or_with_the_workflow(
    home: Home,
) -> None:
    claim = {"metadata": {"name": "work"}, "spec": {"resources": {"requests": {"storage": "1Gi"}}}}
    for name, code in (("good", 0), ("bad", 1)):
        main = shell("main", f"echo x > /work/x; exit {code}")
        main["script"]["volumeMounts"] = [{"name": "work", "mountPath": "/work"}]
        document = workflow(name, main, volumeClaimTemplates=[claim])
        assert home.run("run", home.file("w.yaml", document), "--runtime", "sandbox").code == code
    left = [path.relative_to(home.home) for path in home.home.glob("volumes/**/x")]
    assert len(left) == 1
    assert "bad-work" in str(left[0])
    home.ok("delete", "bad")
    assert not [*home.home.glob("volumes/**/x")]
