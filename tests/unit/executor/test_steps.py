"""stage, run and capture, with a directory and no process."""

from __future__ import annotations

import stat

import pytest
from tests.unit.executor.test_layout import job

from tiphys.errors import Permanent
from tiphys.executor import capture, contract, env, run, stage
from tiphys.executor.layout import Layout, MappedLayout
from tiphys.executor.members import main_container
from tiphys.messages import JobLost
from tiphys.model.artifacts import Artifact, ArtifactLocation, GCSArtifact, S3Artifact
from tiphys.model.containers import Container, EnvVar
from tiphys.model.ids import NodeId, RunId
from tiphys.model.templates import ScriptTemplate, Template


def with_template(template, **more):
    import msgspec

    return msgspec.structs.replace(job(**more), template=template)


def words(template, entrypoint=(), cmd=()):
    spec = with_template(template)
    main = main_container(spec)
    return env.command_line(spec, main, Layout("/dir"), {}, env.Defaults(entrypoint, cmd))


def test_the_command_line_follows_the_rules_of_images():
    container = Container(image="x", command=("a",), args=("b",))
    assert words(Template(container=container)) == ["a", "b"]
    assert words(Template(container=container), ("e",), ("c",)) == ["a", "b"]
    args = Template(container=Container(image="x", args=("b",)))
    assert words(args) == ["b"]
    assert words(args, ("e",), ("c",)) == ["e", "b"]
    nothing = Template(container=Container(image="x"))
    assert words(nothing) == ["true"]
    assert words(nothing, ("e",), ("c",)) == ["e", "c"]
    only_command = Template(container=Container(image="x", command=("a",)))
    assert words(only_command, (), ("c",)) == ["a"]


def test_what_an_unknown_image_runs_is_not_guessed():
    spec = with_template(Template(container=Container(image="x", args=("rm", "-rf", "/"))))
    with pytest.raises(Permanent, match='what the image "x" runs is not known'):
        env.command_line(
            spec, spec.template.container, Layout("/dir"), {}, env.Defaults(known=False)
        )


def test_python_answers_to_its_short_name_where_only_the_long_one_is():
    assert run.known_here("python", {"python3"}.__contains__) == "python3"
    assert run.known_here("python", {"python", "python3"}.__contains__) == "python"
    assert run.known_here("cobol", {"python3"}.__contains__) == "cobol"


def test_a_script_is_the_last_word():
    script = Template(script=ScriptTemplate(image="x", command=("sh", "-e"), source="true"))
    assert words(script) == ["sh", "-e", "/argo/staging/script"]
    no_command = Template(script=ScriptTemplate(image="x", source="true"))
    assert words(no_command, ("python",)) == ["python", "/argo/staging/script"]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("$(A)", "x"), ("$$(A)", "$(A)"), ("$(NO)", "$(NO)"), ("$A $ $(", "$A $ $("), ("$$", "$")],
)
def test_variables_are_expanded_as_kubernetes_does(text, wanted):
    assert env.expand(text, {"A": "x"}) == wanted


def test_the_deadline_is_told_in_argos_format():
    spec = with_template(
        Template(container=Container(image="x", env=(EnvVar(name="Z", value="1"),)))
    )
    made = env.environment(spec, spec.template.container, Layout("/dir"))
    assert made["ARGO_DEADLINE"] == "0001-01-01T00:00:00Z"
    assert made["Z"] == "1"
    late = job(deadline_at=1_700_000_000.0)
    told = env.environment(late, late.template.container, Layout("/d"))
    assert told["ARGO_DEADLINE"] == "2023-11-14T22:13:20Z"


def test_the_script_is_staged_executable_and_the_template_beside_it(tmp_path):
    spec = with_template(Template(script=ScriptTemplate(image="x", command=("sh",), source="a\n")))
    stage.prepare(spec, MappedLayout(str(tmp_path), spec))
    assert (tmp_path / contract.SCRIPT).read_text() == "a\n"
    assert stat.S_IMODE((tmp_path / contract.SCRIPT).stat().st_mode) == 0o755
    assert b'"source":"a\\n"' in (tmp_path / contract.TEMPLATE).read_bytes()


@pytest.mark.parametrize("path", ["/a/..", "a/../../x", "/a/../b", "/a/b/../../a/c"])
def test_paths_that_climb_are_refused_with_argos_text(path):
    text = "attempted to use a path containing '..'. Directory traversal is not permitted"
    with pytest.raises(Permanent, match=text):
        stage.clean_path(Artifact(name="a", path=path))


def test_paths_are_cleaned():
    assert stage.clean_path(Artifact(name="a", path="/a//b/./c/")) == "/a/b/c"
    assert stage.clean_path(Artifact(name="a", path="/a/b/../b/c")) == "/a/b/c"
    assert stage.clean_path(Artifact(name="a", path="/../x")) == "/x"
    with pytest.raises(Permanent, match="did not specify a path"):
        stage.clean_path(Artifact(name="a"))


def test_modes_are_set_recursively_only_when_asked(tmp_path):
    (tmp_path / "d").mkdir()
    (tmp_path / "d/x").write_text("")
    (tmp_path / "d/x").chmod(0o600)
    stage.set_mode(tmp_path / "d", 0o750, recurse=False)
    assert stat.S_IMODE((tmp_path / "d/x").stat().st_mode) == 0o600
    stage.set_mode(tmp_path / "d", 493, recurse=True)
    assert stat.S_IMODE((tmp_path / "d/x").stat().st_mode) == 0o755


@pytest.mark.parametrize(
    ("content", "wanted"),
    [(b"a\n", "a"), (b"a\n\n", "a\n"), (b"", ""), (b"a\r\n", "a\r"), (b"\xff\n", "\ufffd")],
)
def test_a_result_loses_one_newline(tmp_path, content, wanted):
    (tmp_path / "out").write_bytes(content)
    assert capture.read_result(str(tmp_path / "out")) == wanted


@pytest.mark.parametrize("size", [262143, 262144, 262145, 300000])
@pytest.mark.parametrize("end", [b"\n", b""])
def test_a_result_keeps_its_tail(tmp_path, size, end):
    (tmp_path / "out").write_bytes(b"b" + b"a" * (size - 1) + end)
    found = capture.read_result(str(tmp_path / "out"))
    assert len(found) == min(size, 262144)
    assert found.startswith("b") == (size <= 262144)


def test_verdicts_are_ranked_deadline_main_wait():
    text = "main: Error (exit code 3)"
    assert capture.verdict(0, "", "", []) == ("Succeeded", "")
    assert capture.verdict(3, "", "", ["e"]) == ("Failed", text)
    assert capture.verdict(3, "", "why", []) == ("Failed", f"{text}: why")
    assert capture.verdict(0, "", "", ["a", "b"]) == ("Error", "wait: Error (exit code 64): a")
    assert capture.verdict(143, "late", "why", ["e"]) == ("Failed", "late")


def test_the_log_goes_beside_the_jobs_other_artifacts():
    def place(location):
        return capture.log_artifact(with_template(Template(archive_location=location)))

    assert place(None).local.key == "k/main.log"
    s3 = place(ArtifactLocation(s3=S3Artifact(bucket="b", key="x"))).s3
    assert s3 == S3Artifact(key="k/main.log")
    assert place(ArtifactLocation(gcs=GCSArtifact(key="x"))).gcs.key == "k/main.log"


def test_ids_that_are_no_names_are_refused(tmp_path):
    for bad in ("", "a/b", "..", ".", "a\0"):
        with pytest.raises(ValueError):
            contract.job_directory(tmp_path, job(id=NodeId(bad)))
        with pytest.raises(ValueError):
            contract.job_directory(tmp_path, job(run=RunId(bad)))


def test_reports_come_back_and_torn_files_are_nothing(tmp_path):
    directory = str(tmp_path)
    assert contract.read_report(directory) is None
    report = JobLost(NodeId("n"), 1.0)
    contract.write_report(directory, report)
    assert contract.read_report(directory) == report
    (tmp_path / contract.REPORT).write_text('{"type":"Job')
    (tmp_path / contract.USAGE).write_text("{")
    (tmp_path / contract.PID).write_text("12")
    assert contract.read_report(directory) is None
    assert contract.read_usage(directory) is None
    assert contract.read_pid(directory) is None
