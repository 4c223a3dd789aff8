"""Files that cannot be read as a profile at all."""

from tests.support.bad_profile import GOOD, PLACE, BadProfile, changed, folder, loop, own_link_out, pipe

CASES = (
    BadProfile(
        id="an empty file",
        expected="profiles/bad.yaml:1:1 empty: write a profile, or remove the file",
        files={PLACE: ""},
    ),
    BadProfile(
        id="a file of comments only",
        expected="profiles/bad.yaml:1:1 empty: write a profile, or remove the file",
        files={PLACE: "# later\n"},
    ),
    BadProfile(
        id="a list instead of a mapping",
        expected="profiles/bad.yaml:1:1 must be a mapping of keys, not a list",
        files={PLACE: "- name: bad\n"},
    ),
    BadProfile(
        id="a single value instead of a mapping",
        expected="profiles/bad.yaml:2:1 must be a mapping of keys, not a single value",
        files={PLACE: "# a profile\nhello\n"},
    ),
    BadProfile(
        id="a folder where the file should be",
        expected="profiles/bad.yaml:1:1 a folder, not a file: remove it, or write the profile beside it",
        prepare=folder,
    ),
    BadProfile(
        id="a pipe where the file should be",
        expected="profiles/bad.yaml:1:1 not a regular file: replace it by one",
        prepare=pipe,
    ),
    BadProfile(
        id="a link to itself",
        expected=(
            "profiles/bad.yaml:1:1 cannot be read (too many levels of symbolic links): check the file "
            "and its permissions"
        ),
        prepare=loop,
    ),
    BadProfile(
        id="a link that leads out of the profiles folder",
        expected=("profiles/bad.yaml:1:1 a symbolic link leads out of the profiles folder: copy the file into it"),
        prepare=own_link_out,
    ),
    BadProfile(
        id="Latin-1 instead of UTF-8",
        expected="profiles/bad.yaml:16:4 not UTF-8 (byte 0xfc): save the file as UTF-8",
        files={PLACE: GOOD.encode() + "# für alle\n".encode("latin-1")},
    ),
    BadProfile(
        id="UTF-16 instead of UTF-8",
        expected="profiles/bad.yaml:1:1 not UTF-8 (byte 0xff): save the file as UTF-8",
        files={PLACE: GOOD.encode("utf-16")},
    ),
    BadProfile(
        id="a file above the size limit",
        expected="profiles/bad.yaml:1:1 larger than 1024 KiB: split it into fragments",
        files={PLACE: GOOD + "#" * 1024 * 1024},
    ),
    BadProfile(
        id="a control character",
        expected=(
            "profiles/bad.yaml:1:10 the invisible character U+0007: remove it, or write it as an escape "
            "in double quotes"
        ),
        files=changed("name: bad", "name: bad\x07"),
    ),
    BadProfile(
        id="a line break that editors do not show",
        expected=(
            "profiles/bad.yaml:1:10 the invisible character U+2028: remove it, or write it as an escape "
            "in double quotes"
        ),
        files=changed("name: bad", "name: bad\u2028"),
    ),
    BadProfile(
        id="random bytes",
        expected="profiles/bad.yaml:1:1 not UTF-8 (byte 0x80): save the file as UTF-8",
        files={PLACE: bytes(range(128, 256))},
    ),
)
