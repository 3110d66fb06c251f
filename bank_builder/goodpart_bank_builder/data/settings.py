"""Settings of a build: one object, passed from the command line to every step."""

import dataclasses
from pathlib import Path

from goodpart.errors import UsageError
from goodpart.facts.calibration import CalibrationMethod, RateUnit
from goodpart.facts.learned import first_day
from goodpart.facts.manifest import check_name, check_serial
from goodpart.frames.images import MAX_MEGAPIXELS
from goodpart.model.backbone import check_threads
from goodpart_bank_builder.data.batches import START, Batch


@dataclasses.dataclass(frozen=True, kw_only=True)
class LearnSettings:
    """Settings that decide how good images are learned.

    Attributes:
        false_reject_rate: share of good images or parts that the threshold may reject, 0 to 1.
        rate_per: what the rate is a share of.
        calibration: how good parts are held out.
        calibration_parts: the most parts whose scores set the threshold; None for all.
        calibrates_since: batches taken before it set no threshold, `YYYY-MM` or `YYYY-MM-DD`; None for all.
        ignore: picture as large as the frames, white where pixels never count; None if all pixels count.
        seed: of the folds, the coresets and the index; 0 to 2**32 - 1.
        threads: images embedded at a time, one thread each; 1 to 256.
        skip_unreadable: whether to leave out images that cannot be read.
        max_megapixels: the most pixels that an image file may have, in millions.
        head: how much the head counts beside the distance, 0 (no head) to 4; None to choose by painted defects.
    """

    false_reject_rate: float = 0.05
    rate_per: RateUnit = RateUnit.IMAGE
    calibration: CalibrationMethod = CalibrationMethod.CROSS_CONFORMAL
    calibration_parts: int | None = None
    calibrates_since: str | None = None
    ignore: Path | None = None
    seed: int = 0
    threads: int = 1
    skip_unreadable: bool = False
    max_megapixels: float = MAX_MEGAPIXELS
    head: float | None = None

    def __post_init__(self) -> None:
        # checked here, because a build uses some of the settings only after minutes of work
        if not 0 <= self.seed < 2**32:
            raise UsageError(f"seed: expected 0 to {2**32 - 1}, found {self.seed}")
        if self.calibration_parts is not None and self.calibration_parts < 1:
            raise UsageError(f"calibration_parts: expected 1 or more, found {self.calibration_parts}")
        if self.calibrates_since is not None:
            first_day(self.calibrates_since)
        check_threads(self.threads)
        if self.head is not None and not 0.0 <= self.head <= 4.0:
            raise UsageError(f"--head: expected off, auto or 0 to 4, found {self.head:g}")

    def supporting(self, *, parts: int, images: int) -> int:
        """How many held-out scores support the rate.

        Images of one part are not exchangeable. Only cross-conformal calibration counts them one by one, because its
        rate is a target without a proof.
        """
        return images if self.counted is RateUnit.IMAGE else parts

    @property
    def counted(self) -> RateUnit:
        """What supports the rate: parts, or images that count one by one."""
        return RateUnit.PART if self.calibration is CalibrationMethod.SPLIT else self.rate_per


@dataclasses.dataclass(frozen=True, kw_only=True)
class FolderSettings(LearnSettings):
    """Which good images are learned, and through which backbone.

    Attributes:
        good_dir: folder of photographs of good parts, searched recursively.
        backbone: an ONNX file from goodpart-export.
        group: regular expression that finds the part in an image's name; None for one part per image.
        group_gap: largest difference between the running numbers of one part; 0 if the last group is no such number.
        exclude: images to leave out, by name below `good_dir` or by `sha256:` and the sha256 of the file, or text
            files with one such entry per line.
        batches: where the images come from; empty for `good_dir` alone, else the first one lies in `good_dir`.
    """

    good_dir: Path
    backbone: Path
    group: str | None = None
    group_gap: int = 0
    exclude: tuple[str, ...] = ()
    batches: tuple[Batch, ...] = ()

    def __post_init__(self) -> None:
        LearnSettings.__post_init__(self)
        if self.group_gap < 0:
            raise UsageError(f"--group-gap: expected 0 or more, found {self.group_gap}")
        names = [batch.name for batch in self.batches]
        if twice := {name for name in names if names.count(name) > 1}:
            raise UsageError(f"batch {min(twice)!r}: expected a name of its own, found it twice; name one otherwise")

    @property
    def all_batches(self) -> tuple[Batch, ...]:
        """The batches, at least one."""
        return self.batches or (Batch(name=START, images=self.good_dir),)

    def path_of(self, name: str) -> Path:
        """The file of an image by what it is called, see `GoodFolder.names`."""
        for batch in self.batches[1:]:
            if name.startswith(f"{batch.name}/"):
                return batch.folder / name.removeprefix(f"{batch.name}/")
        return self.all_batches[0].folder / name


@dataclasses.dataclass(frozen=True, kw_only=True)
class BuildSettings(FolderSettings):
    """What to build, from what and how.

    Attributes:
        out: the bundle folder to make.
        name: the product; None for the name of `out`.
        serial: a number that should grow from each bundle of a product to the next, so that devices can refuse older
            bundles; at least 0.
        force: whether to replace an existing bundle.
        thumbnails: whether the bundle gets small pictures of the learned images.
        any_size: whether the bundle judges frames of every size, and not only of the sizes of the good images.
        profile: the name that the profile of the backbone must have; None for any.
        parent: digest of the bundle that this one replaces, or None.
    """

    out: Path
    name: str | None = None
    serial: int = 0
    force: bool = False
    thumbnails: bool = True
    any_size: bool = False
    profile: str | None = None
    parent: str | None = None

    def __post_init__(self) -> None:
        FolderSettings.__post_init__(self)
        check_name(self.product)
        check_serial(self.serial)

    @property
    def product(self) -> str:
        """The product's name."""
        return self.out.resolve().name if self.name is None else self.name
