"""The facts that a bundle states about itself, as frozen dataclasses that refuse impossible values.

`strict_json` turns them into JSON and back; `docs/bundle-format.md` says what each means on disk.
"""

import dataclasses
import enum
import math

from goodpart.errors import UsageError
from goodpart.facts.checks import FrameChecks
from goodpart.facts.excess import ExcessSpec
from goodpart.facts.head import HeadSpec
from goodpart.facts.learned import AtlasSpec, BatchFacts, Examination, first_day
from goodpart.facts.no_signal import SignalRule
from goodpart.facts.spec import SHA256, BackboneSpec

FORMAT_VERSION = 2
"""The bundle format this package writes."""

READ_VERSIONS = (1, 2)
"""The bundle formats this package reads."""


def check_name(name: str) -> None:
    """Refuses what cannot be a product's name.

    Raises:
        UsageError: empty, longer than 128 characters, or not printable.
    """
    if not name or len(name) > 128 or not name.isprintable():
        raise UsageError(f"name: expected 1 to 128 printable characters, found {name[:200]!r}; give another one")


def check_serial(serial: int) -> None:
    """Refuses what cannot be a bundle's serial.

    Raises:
        UsageError: below 0, or beyond what every JSON reader takes exactly.
    """
    if not 0 <= serial < 2**53:
        raise UsageError(f"serial: expected 0 to {2**53 - 1}, found {serial}")


class SearchMethod(enum.Enum):
    """How patches find their nearest bank vectors; the image score is the same."""

    GRAPH = "graph"
    EXACT = "exact"


@dataclasses.dataclass(frozen=True, kw_only=True)
class BankSpec:
    """The bank as it lies in the bundle.

    Attributes:
        vectors: kept embeddings, 2 to 10 million.
        directions: that the graph sees of them, 1 to 4096.
        search: how patches find their neighbours; decided when the bundle is built, never by a device.
        recall: share of the K nearest neighbours of good patches that were among the graph's candidates, 0 to 1.
        candidates: bank vectors that the graph names for each patch, 1 to 1000; None for as many as the profile says.
    """

    vectors: int
    directions: int
    search: SearchMethod
    recall: float
    candidates: int | None = dataclasses.field(default=None, metadata={"optional": True})

    def __post_init__(self) -> None:
        if self.candidates is not None and not 1 <= self.candidates <= 1000:
            raise UsageError(f"bank: expected 1 to 1000 candidates, found {self.candidates}")
        if not (2 <= self.vectors <= 10_000_000 and 1 <= self.directions <= 4096 and 0.0 <= self.recall <= 1.0):
            raise UsageError(
                f"bank: expected 2 to 10000000 vectors, 1 to 4096 directions and a recall of 0 to 1, found {self}"
            )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Provenance:
    """What a bundle was built from.

    Attributes:
        dataset_sha256: over the names and contents of the images.
        images, parts, skipped_images, patches: counts.
        seed: of the build.
        versions: of the packages that built it.
        excluded_images: how many images were left out on demand; None in format 1.
        examination: what the doctor found, in short; None in format 1.
        parent: digest of the bundle that this one replaced; None without one, and in format 1.
        batches: that the images came in, in order; None in format 1.
        calibrates_since: batches taken before it set no threshold, `YYYY-MM` or `YYYY-MM-DD`; None for all.
    """

    dataset_sha256: str
    images: int
    parts: int
    skipped_images: int
    patches: int
    seed: int
    versions: dict[str, str]
    excluded_images: int | None = dataclasses.field(default=None, metadata={"optional": True})
    examination: Examination | None = dataclasses.field(default=None, metadata={"optional": True})
    parent: str | None = dataclasses.field(default=None, metadata={"optional": True})
    batches: tuple[BatchFacts, ...] | None = dataclasses.field(default=None, metadata={"optional": True})
    calibrates_since: str | None = dataclasses.field(default=None, metadata={"optional": True})

    def __post_init__(self) -> None:
        if self.parent is not None and not SHA256.fullmatch(self.parent):
            raise UsageError(f"parent: expected 64 lower-case hex digits, found {self.parent[:80]!r}")
        if self.batches is not None:
            names = [batch.name for batch in self.batches]
            if len(set(names)) != len(names) or sum(batch.images for batch in self.batches) != self.images:
                raise UsageError(f"batches: expected each once and {self.images} images in all, found otherwise")
        if self.calibrates_since is not None:
            first_day(self.calibrates_since)
        if self.excluded_images is not None and self.excluded_images < 0:
            raise UsageError(f"excluded_images: expected 0 or more, found {self.excluded_images}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class GoldenFrame:
    """A frame stored in the bundle and the image score, in sigmas, that it must get on every machine."""

    file: str
    score: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class FileFacts:
    """Size and sha256 of one file of the bundle."""

    size_bytes: int
    sha256: str

    def __post_init__(self) -> None:
        if self.size_bytes < 0 or not SHA256.fullmatch(self.sha256):
            raise UsageError(f"file facts: expected a size and a sha256, found {self}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ThresholdRange:
    """The range in which a device may move the threshold; `in` says whether a threshold lies in it.

    Attributes:
        lowest, highest: in sigmas.
    """

    lowest: float
    highest: float

    def __post_init__(self) -> None:
        # written so that a NaN fails
        if not -math.inf < self.lowest <= self.highest < math.inf:
            raise UsageError(f"threshold_range: expected finite numbers in order, found {self.lowest}, {self.highest}")

    def __contains__(self, threshold: float) -> bool:
        return self.lowest <= threshold <= self.highest

    def __str__(self) -> str:
        return f"{self.lowest:.6g} to {self.highest:.6g} sigmas"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Manifest:
    """Everything a bundle states about itself; its own sha256 is the bundle's digest.

    Attributes:
        format_version: of the bundle format.
        name: the product or category.
        serial: grows from each bundle of a product to the next, 0 to 2^53 - 1; readers may refuse older ones.
        backbone, bank, provenance: facts about each of them.
        golden: frames with known scores.
        golden_tolerance: how far, in sigmas, a golden score may be off on another CPU, at most 1.
        files: every other file of the bundle by its relative name.
        head: its size and its scale, None without a head.
        excess: its weight, None if the profile has no excess.
        atlas: how small pictures of the learned images are laid out; None without them, and in format 1.
        threshold_range: in which a device may move the threshold; None in format 1, where it may set any.
        checks: what a frame must be like to be judged; None in format 1, which checks none.
    """

    format_version: int
    name: str
    serial: int
    backbone: BackboneSpec
    bank: BankSpec
    provenance: Provenance
    golden: tuple[GoldenFrame, ...]
    golden_tolerance: float
    files: dict[str, FileFacts]
    head: HeadSpec | None = dataclasses.field(default=None, metadata={"optional": True})
    excess: ExcessSpec | None = dataclasses.field(default=None, metadata={"optional": True})
    atlas: AtlasSpec | None = dataclasses.field(default=None, metadata={"optional": True})
    threshold_range: ThresholdRange | None = dataclasses.field(default=None, metadata={"optional": True})
    checks: FrameChecks | None = dataclasses.field(default=None, metadata={"optional": True})

    @property
    def signal_rule(self) -> SignalRule:
        """What tells whether a frame has a signal."""
        return SignalRule.RANGE if self.format_version == 1 else SignalRule.NOISE

    def __post_init__(self) -> None:
        check_name(self.name)
        check_serial(self.serial)
        if self.bank.vectors < self.backbone.profile.neighbours:
            raise UsageError(
                f"bank: expected at least K = {self.backbone.profile.neighbours} vectors, found {self.bank.vectors}"
            )
        # a tolerance of many sigmas would let any backbone and any bank pass
        if not self.golden or not 0 < self.golden_tolerance <= 1:
            raise UsageError("golden: expected at least one golden frame and a tolerance of more than 0 and at most 1")
        origin = self.provenance
        if self.format_version == 1 and (origin.excluded_images, origin.examination) != (None, None):
            raise UsageError("provenance: expected no excluded_images and no examination in format version 1")
        if self.format_version == 1 and (origin.parent, origin.batches) != (None, None):
            raise UsageError("provenance: expected no parent and no batches in format version 1")
        if self.format_version == 1 and (self.head, self.backbone.profile.head) != (None, None):
            raise UsageError("head: expected none in format version 1")
        if self.format_version == 1 and (self.excess, self.backbone.profile.excess) != (None, None):
            raise UsageError("excess: expected none in format version 1")
        if (self.excess is None) != (self.backbone.profile.excess is None):
            raise UsageError("excess: expected its weight if the profile has an excess, and none if not")
        # a profile with an excess has no head, and a head of another one has no place beside it
        if self.excess is not None and self.head is not None:
            raise UsageError("head: expected none beside an excess")
        if self.format_version == 1 and (self.atlas, self.bank.candidates) != (None, None):
            raise UsageError("atlas, bank candidates: expected none in format version 1")
        for name, value in (("threshold_range", self.threshold_range), ("checks", self.checks)):
            if self.format_version == 1 and value is not None:
                raise UsageError(f"{name}: expected none in format version 1")
            if self.format_version != 1 and value is None:
                raise UsageError(
                    f"{name}: expected one in format version 2, found none; an older goodpart made this "
                    f"bundle: build it again"
                )
