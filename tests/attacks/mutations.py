"""Broken bundles without end: the number and the seed decide everything about one."""

import dataclasses
import random
from pathlib import Path

from attacks import array_mutations, file_mutations, json_mutations, onnx_fields, onnx_mutations
from attacks.bases import Base
from attacks.draft import Draft, Entry, repair, write_out

KINDS = {
    function.__name__: (function, weight)
    for function, weight in [
        (file_mutations.flip, 6),
        (file_mutations.truncate, 3),
        (file_mutations.extend, 3),
        (file_mutations.block, 5),
        (file_mutations.resize, 2),
        (file_mutations.swap, 2),
        (file_mutations.splice, 4),
        (file_mutations.delete, 1),
        (file_mutations.rename, 2),
        (file_mutations.replace, 3),
        (json_mutations.manifest, 10),
        (json_mutations.calibration, 8),
        (json_mutations.images, 4),
        (file_mutations.recipe, 2),
        (json_mutations.facts, 6),
        (json_mutations.restated, 4),
        (json_mutations.golden, 4),
        (json_mutations.device, 6),
        (array_mutations.array, 6),
        (array_mutations.pickled, 2),
        (array_mutations.index_header, 5),
        (array_mutations.index_links, 7),
        (array_mutations.index_lists, 4),
        (onnx_fields.onnx_field, 8),
        (onnx_mutations.onnx_node, 6),
        (onnx_mutations.onnx_attribute, 6),
        (onnx_mutations.onnx_weight, 6),
        (onnx_mutations.onnx_extra, 8),
        (onnx_mutations.onnx_facts, 4),
    ]
}
"""Every kind of mutation, and how often it comes up."""

_UNREPAIRED = 0.25
"""Without repaired hashes nearly everything is refused at the same place, so most hashes are repaired."""

_KEYED = 0.05
"""How many are loaded with the key that has signed the base."""


@dataclasses.dataclass(frozen=True)
class Mutant:
    """One broken bundle.

    Attributes:
        kind: of the mutation, a key of KINDS.
        base: the bundle that it was.
        repaired: whether its hashes fit it.
        keyed: whether it is to be loaded with the key that has signed the base.
        words: what was done.
        entries: files by relative name.
        device: the file beside the bundle, or None.
    """

    kind: str
    base: Base
    repaired: bool
    keyed: bool
    words: str
    entries: dict[str, Entry] = dataclasses.field(repr=False)
    device: Entry | None = dataclasses.field(repr=False)

    def write(self, folder: Path) -> None:
        """Makes the bundle's folder, which must not be there yet, on the file system of its base."""
        write_out(self.entries, self.device, folder, self.base.folder, self.base.files)


def mutant(seed: int, number: int, bases: dict[str, Base]) -> Mutant:
    """The mutant of this number.

    Args:
        seed, number: the same ones give the same mutant.
        bases: good bundles by name.
    """
    dice = random.Random(f"{seed}/{number}")
    kind = dice.choices(list(KINDS), [weight for _, weight in KINDS.values()])[0]
    base = bases[dice.choices(["plain", "masked", "exact", "listed", "warm"], [4, 2, 1, 3, 2])[0]]
    keyed = dice.random() < _KEYED
    draft = Draft(dice=dice, repaired=dice.random() > _UNREPAIRED, entries=dict(base.files))
    KINDS[kind][0](draft)
    if draft.repaired:
        repair(draft.entries, base.files)
    return Mutant(
        kind=kind,
        base=base,
        repaired=draft.repaired,
        keyed=keyed and base.signed,
        words=draft.words,
        entries=draft.entries,
        device=draft.device,
    )
