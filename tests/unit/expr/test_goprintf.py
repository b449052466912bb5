"""What Go writes with an integer and a pattern: also with one that does not fit it."""

import pytest

from tiphys.expr.goprintf import sprintf

AS_GO = [
    ("%d", 7, "7"), ("n-%02d", 3, "n-03"), ("%x", 255, "ff"),
    ("%X", 255, "FF"), ("%o", 8, "10"),
    ("%O", 8, "0o10"), ("%b", 5, "101"), ("%08b", 5, "00000101"), ("%c", 65, "A"),
    ("%q", 65, "'A'"),
    ("%U", 0x1F600, "U+1F600"), ("%#U", 65, "U+0041 'A'"), ("%v", 7, "7"), ("%+d", 7, "+7"),
    ("% d", 7, " 7"), ("%5d|", 7, "    7|"), ("%-5d|", 7, "7    |"), ("%05d", -7, "-0007"),
    ("%.3d", 7, "007"), ("%5.3d", 7, "  007"), ("%05.3d", 7, "  007"), ("%#x", 255, "0xff"),
    ("%#o", 8, "010"), ("%+q", 0xE9, "'\\u00e9'"), ("%q", 10, "'\\n'"), ("%.0d|", 0, "|"),
    ("%d%%", 7, "7%"), ("%T", 7, "int"), ("%-05d|", 7, "7    |"), ("%+v", 7, "7"),
    # what does not fit
    ("%x-%05d", 7, "7-%!d(MISSING)"), ("%d %d %d", 7, "7 %!d(MISSING) %!d(MISSING)"),
    ("%s", 7, "%!s(int=7)"), ("%5.2f", 7, "%!f(int=   07)"), ("%t", 7, "%!t(int=7)"),
    ("%z", 7, "%!z(int=7)"), ("%!", 7, "%!!(int=7)"), ("%", 7, "%!(NOVERB)%!(EXTRA int=7)"),
    ("day", 7, "day%!(EXTRA int=7)"), ("%%", 7, "%%!(EXTRA int=7)"),
    ("%5", 7, "%!(NOVERB)%!(EXTRA int=7)"),
    ("%[1]d-%[1]x", 10, "10-a"), ("%[2]d", 7, "%!d(BADINDEX)"), ("%[x]d", 7, "%!d(BADINDEX)"),
    ("%[1]2d", 7, "%!d(BADINDEX)"), ("%*d", 3, "%!d(MISSING)"), ("%[1]*[1]d", 3, "  3"),
    ("%[", 7, "%!(NOVERB)"), ("%d%[1]d", 7, "77"), ("%c", -1, "\ufffd"),
    ("%.*d", -1, "%!(BADPREC)%!d(MISSING)"),
    ("é%dü", 7, "é7ü"), ("%ü", 7, "%!ü(int=7)"), ("%99999999d", 7, "%!(NOVERB)%!(EXTRA int=7)"),
    ("%.", 7, "%!.(int=7)"), ("%+t", 7, "%!t(int=+7)"), ("%[]", 7, "%!](BADINDEX)"),
]  # fmt: skip


@pytest.mark.parametrize(("pattern", "value", "text"), AS_GO)
def test_it_is_what_go_writes(pattern, value, text):
    assert sprintf(pattern, value) == text
