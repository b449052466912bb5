"""Where a pod's paths are, for both kinds of layout."""

from __future__ import annotations

import pytest

from tiphys.errors import Permanent
from tiphys.executor.layout import MappedLayout, RootedLayout
from tiphys.messages import JobSpec
from tiphys.model.arguments import Inputs, Outputs, Parameter, ValueFrom
from tiphys.model.artifacts import Artifact
from tiphys.model.containers import Container
from tiphys.model.ids import NodeId, RunId
from tiphys.model.templates import Template


def job(*paths, inputs=(), **more) -> JobSpec:
    parameters = tuple(Parameter(name=p, value_from=ValueFrom(path=p)) for p in paths)
    template = Template(
        container=Container(image="x"),
        inputs=Inputs(artifacts=tuple(Artifact(name=p, path=p) for p in inputs)),
        outputs=Outputs(parameters=parameters),
    )
    spec = {"id": NodeId("n"), "run": RunId("r"), "workflow": "w", "namespace": "d", **more}
    return JobSpec(node_name="n", pod_name="p", template=template, key_prefix="k", **spec)


@pytest.fixture
def mapped(tmp_path):
    return MappedLayout(
        str(tmp_path), job("/tmp/out.txt", "/no-such-dir/deep/x", inputs=("/tmp/in",))
    )


def test_declared_paths_are_replaced_where_they_stand_whole(mapped):
    root = mapped.root
    for text, wanted in {
        "/tmp/out.txt": f"{root}/tmp/out.txt",
        "cat /tmp/out.txt;": f"cat {root}/tmp/out.txt;",
        "--out=/tmp/out.txt": f"--out={root}/tmp/out.txt",
        "'/tmp/out.txt'": f"'{root}/tmp/out.txt'",
        "/tmp/in/sub/file": f"{root}/tmp/in/sub/file",
        "see /tmp/in.": f"see {root}/tmp/in.",
        "a:/tmp/in:b": f"a:{root}/tmp/in:b",
    }.items():
        assert mapped.text(text) == wanted


@pytest.mark.parametrize(
    "text",
    [
        "/tmp/out.txt.bak",
        "/tmp/output.txt",
        "/tmp/inner",
        "/tmp/in.d/x",
        "/tmp/in-2",
        "/var/tmp/in",
        "$HOME/tmp/in",
        "${HOME}/tmp/in",
        "./tmp/in",
        "/tmp",
        "tmp/in",
    ],
)
def test_other_paths_are_left_alone(mapped, text):
    assert mapped.text(text) == text


def test_a_missing_parent_of_a_declared_path_is_mapped_as_well(mapped):
    assert mapped.text("mkdir -p /no-such-dir/deep") == f"mkdir -p {mapped.root}/no-such-dir/deep"
    assert mapped.host("/no-such-dir/y") == f"{mapped.root}/no-such-dir/y"
    assert mapped.host("/usr/lib") == "/usr/lib"
    assert f"{mapped.root}/tmp" in mapped.folders()


def test_the_whole_of_the_root_is_never_mapped(tmp_path):
    layout = MappedLayout(str(tmp_path), job("/"))
    assert layout.text("ls / /usr") == "ls / /usr"


@pytest.fixture
def rooted(tmp_path):
    (tmp_path / "root/tmp").mkdir(parents=True)
    (tmp_path / "host").mkdir()
    (tmp_path / "host/file").write_text("host")
    return RootedLayout(str(tmp_path), {"/usr": str(tmp_path / "host")}, {"/bin": "usr/bin"})


def test_a_path_lies_below_the_root_or_in_a_read_only_part(rooted, tmp_path):
    assert rooted.host("/tmp/x") == f"{rooted.root}/tmp/x"
    assert rooted.host("/usr/file") == f"{tmp_path}/host/file"
    assert rooted.host("/bin/sh") == f"{tmp_path}/host/bin/sh"
    assert rooted.host("relative/x") == f"{rooted.root}/relative/x"
    assert rooted.host("/tmp/../../../x") == f"{rooted.root}/x"


def test_links_are_followed_inside_the_root(rooted, tmp_path):
    root = tmp_path / "root"
    (root / "tmp/abs").symlink_to("/tmp/target")
    (root / "tmp/up").symlink_to("../../../..")
    (root / "tmp/usr").symlink_to("/usr")
    assert rooted.follow("/tmp/abs") == f"{root}/tmp/target"
    assert rooted.host("/tmp/abs") == f"{root}/tmp/abs"
    assert rooted.host("/tmp/up/etc/passwd") == f"{root}/etc/passwd"
    assert rooted.host("/tmp/usr/file") == f"{tmp_path}/host/file"


def test_a_loop_of_links_is_an_error(rooted, tmp_path):
    (tmp_path / "root/tmp/a").symlink_to("b")
    (tmp_path / "root/tmp/b").symlink_to("a")
    with pytest.raises(Permanent, match="too many levels"):
        rooted.follow("/tmp/a")
