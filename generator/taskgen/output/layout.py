"""The text of the lock: JSON, one entry per line, sorted.

Written and taken apart without the `json` module, which would cost the fast path 6 ms. What is taken apart is only
trusted after it was written again to the same bytes.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

FORMAT = 1
"""Version of the lock's own shape; a reader refuses a newer one."""
_OVERRIDES, _INPUTS, _OUTPUTS, _END = '  "overrides": [', '  "inputs": {', '  "outputs": {', "  }"


def lock_text(
    *,
    version: str,
    profile: str,
    overrides: "Sequence[str]",
    inputs: "Mapping[str, str]",
    outputs: "Mapping[str, tuple[str, int]]",
) -> str:
    """The lock as text; `outputs` gives digest and mode of each path."""
    lines = [
        "{",
        f'  "format": {FORMAT},',
        f'  "taskgen": {quoted(version)},',
        f'  "profile": {quoted(profile)},',
        '  "digests": "blake2b-256",',
        _OVERRIDES,
        *_entries(quoted(override) for override in overrides),
        "  ],",
        _INPUTS,
        *_entries(f"{quoted(name)}: {quoted(inputs[name])}" for name in sorted(inputs)),
        "  },",
        _OUTPUTS,
        *_entries(_output(path, *outputs[path]) for path in sorted(outputs)),
        _END,
        "}",
        "",
    ]
    return "\n".join(lines)


def names_in(text: str) -> "tuple[list[str], dict[str, bool]] | None":
    """Input names, and output paths with whether they are executable, of a lock in our own layout; None for any other.

    The answer is a guess until `lock_text` gives back the same text from it.
    """
    lines = text.split("\n")
    if "\\" in text.partition(_INPUTS)[2]:
        return None
    try:
        inputs, outputs = lines.index(_INPUTS), lines.index(_OUTPUTS)
        end = lines.index(_END)
        executable = {_second(line): '"mode": "755"' in line for line in lines[outputs + 1 : end]}
        return [_second(line) for line in lines[inputs + 1 : outputs - 1]], executable
    except (ValueError, IndexError):
        return None


def quoted(text: str) -> str:
    """A JSON string; what is printable stays readable, whatever its script."""
    return '"' + "".join(_escaped(character) for character in text) + '"'


def _escaped(character: str) -> str:
    if character in '"\\':
        return "\\" + character
    if character.isprintable():
        return character
    units = character.encode("utf-16-be", errors="surrogatepass").hex()  # JSON escapes are UTF-16 code units
    return "".join("\\u" + units[start : start + 4] for start in range(0, len(units), 4))


def _output(path: str, content: str, mode: int) -> str:
    return f'{quoted(path)}: {{"digest": "{content}", "mode": "{mode:o}"}}'


def _entries(entries: "Iterable[str]") -> "list[str]":
    found = ["    " + entry + "," for entry in entries]
    if found:
        found[-1] = found[-1][:-1]
    return found


def _second(line: str) -> str:
    """Text between the first two quotes of a line."""
    return line.split('"', 2)[1]
