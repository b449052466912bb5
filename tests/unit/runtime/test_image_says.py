"""What an image says besides its files."""

from __future__ import annotations

import pytest

from tiphys.errors import Permanent
from tiphys.runtime.image_says import find_user, image_says
from tiphys.runtime.images import ImageRule, User

PASSWD = "root:x:0:0:root:/root:/bin/sh\nbroken\nann:x:1000:1001::/home/ann:/bin/sh\nno:x:a:b:::\n"
GROUP = "root:x:0:\nstaff:x:50:ann\n"


@pytest.fixture
def root(tmp_path):
    (tmp_path / "root/etc").mkdir(parents=True)
    (tmp_path / "root/etc/passwd").write_text(PASSWD)
    (tmp_path / "root/etc/group").write_text(GROUP)
    return tmp_path / "root"


@pytest.mark.parametrize(
    ("text", "user"),
    [
        ("", None),
        ("ann", User(1000, 1001, "/home/ann")),
        ("1000", User(1000, 1001, "/home/ann")),
        ("ann:staff", User(1000, 50, "/home/ann")),
        ("ann:7", User(1000, 7, "/home/ann")),
        ("77", User(77, 0, "/")),
        ("77:staff", User(77, 50, "/")),
    ],
)
def test_a_user_is_looked_up_among_the_images_own(root, text, user):
    assert find_user(text, str(root)) == user


@pytest.mark.parametrize("text", ["bob", "no", "ann:none"])
def test_who_is_not_there_is_named(root, text):
    with pytest.raises(Permanent, match=r"unable to find (user|group)"):
        find_user(text, str(root))


def test_an_images_link_does_not_lead_to_the_users_of_the_machine(root, tmp_path):
    (tmp_path / "passwd").write_text("bob:x:1:2::/bob:/bin/sh\n")
    (root / "etc/passwd").unlink()
    (root / "etc/passwd").symlink_to(tmp_path / "passwd")
    with pytest.raises(Permanent, match="unable to find user bob"):
        find_user("bob", str(root))


def test_a_rule_that_says_what_runs_is_not_completed_by_the_image(root):
    config = {"Entrypoint": ["e"], "Cmd": ["c"], "Env": ["A=1=2", "B"], "WorkingDir": "/w"}
    says = image_says(config, str(root))
    plain = says.applied(ImageRule("x", root="podman:x"), str(root))
    assert (plain.root, plain.entrypoint, plain.cmd) == (str(root), ("e",), ("c",))
    assert (plain.env, plain.working_dir) == ((("A", "1=2"), ("B", "")), "/w")
    own = says.applied(ImageRule("x", entrypoint=("mine",)), str(root))
    assert (own.entrypoint, own.cmd) == (("mine",), ())
    args = says.applied(ImageRule("x", cmd=("mine",)), str(root))
    assert (args.entrypoint, args.cmd) == (("e",), ("mine",))
