"""Deep merge of profile files: mappings merge by key, everything else is replaced, null removes what is inherited."""

from dataclasses import replace

from taskgen.profile.nodes import Entry, Items, Keys, Node, Scalar


def is_null(node: Node) -> bool:
    """Tell whether a value is YAML's null."""
    return isinstance(node, Scalar) and node.value is None


def merge(below: Keys, above: Keys) -> Keys:
    """Merge two mappings; `above` wins.

    Associative: merging three files gives the same profile whichever two are merged first. A removed key is kept as
    a null that hides what stands below, until `settle` drops it.
    """
    entries = dict(below.entries)
    for key, entry in above.entries.items():
        entries[key] = _merge_entry(entries[key], entry) if key in entries else entry
    return Keys(above.position, entries)


def _merge_entry(below: Entry, above: Entry) -> Entry:
    chain = below.chain + above.chain
    if is_null(above.value):
        return replace(above, chain=chain, hides=above.hides or below.hides or not is_null(below.value))
    if above.cuts or not isinstance(above.value, Keys) or not isinstance(below.value, Keys):
        return replace(above, chain=chain, cuts=True)
    return Entry(above.key, merge(below.value, above.value), chain, cuts=below.cuts)


def settle(node: Node) -> Node:
    """Drop the keys that a null removed; a null where nothing was inherited stays a null."""
    if isinstance(node, Scalar):
        return node
    if isinstance(node, Items):
        return Items(node.position, tuple(settle(item) for item in node.nodes))
    kept = ((key, entry) for key, entry in node.entries.items() if not (entry.hides and is_null(entry.value)))
    return Keys(
        node.position,
        {
            key: entry if isinstance(entry.value, Scalar) else replace(entry, value=settle(entry.value))
            for key, entry in kept
        },
    )
