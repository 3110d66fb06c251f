"""Build: good images and a backbone become a bundle."""

import dataclasses
import importlib.metadata
import platform
from pathlib import Path
from typing import Any

import hnswlib
import numpy as np
import numpy.typing as npt

from goodpart._host.atomic import check_target, staged_folder
from goodpart.model.backbone import Backbone
from goodpart.bank.search import Bank
from goodpart.bundle.bundle import DIRECTIONS, IGNORE, INDEX, MANIFEST_SHA256, OWN_FILES, VECTORS
from goodpart.bundle.write import write_bundle
from goodpart.facts.calibration import Calibration, CalibrationMethod
from goodpart.errors import UsageError
from goodpart.bank.graph import Graph
from goodpart.frames.images import find_images
from goodpart.inspector import Inspector
from goodpart.facts.manifest import FORMAT_VERSION, BankSpec, GoldenFrame, Manifest, Provenance, check_name, check_serial
from goodpart.facts.profile import Profile
from goodpart_bank_builder.data.dataset import dataset_digest, refuse_category
from goodpart_bank_builder.build.golden import TOLERANCE_SIGMAS, choose_golden
from goodpart_bank_builder.build.index import build_index, measure_recall, principal_directions, save_index, search_method
from goodpart_bank_builder.learn.learn import Learned, learn
from goodpart_bank_builder.data.parts import group_parts, make_folds

_PACKAGES = ("goodpart", "goodpart-bank-builder", "numpy", "onnxruntime", "hnswlib", "opencv-python-headless")


@dataclasses.dataclass(frozen=True, kw_only=True)
class BuildConfig:
    """What to build.

    Attributes:
        good_dir: photographs of good parts, found recursively.
        backbone: an ONNX file from goodpart-export.
        out: the bundle folder to make.
        name: the product; None for the name of `out`.
        serial: should grow from each bundle of a product to the next, so that devices can refuse older ones.
        false_reject_rate: share of good parts that the threshold may reject, 0 to 1.
        calibration: how good parts are held out.
        group: regular expression that tells from an image's name which part it shows; None for one part per image.
        group_gap: how far apart the running numbers of one part may be; 0 if the last group is no running number.
        ignore: picture of the parts of the frame that never count, or None.
        seed: of the folds, the coresets and the index.
        threads: images that are embedded at a time, one thread each.
        skip_unreadable: leave out images that cannot be read.
        force: replace an existing bundle.
    """

    good_dir: Path
    backbone: Path
    out: Path
    name: str | None = None
    serial: int = 0
    false_reject_rate: float = 0.05
    calibration: CalibrationMethod = CalibrationMethod.CROSS_CONFORMAL
    group: str | None = None
    group_gap: int = 0
    ignore: Path | None = None
    seed: int = 0
    threads: int = 1
    skip_unreadable: bool = False
    force: bool = False

    def __post_init__(self) -> None:
        # now, and not when the manifest is written after minutes of work
        check_name(self.product)
        check_serial(self.serial)
        if not 0 <= self.seed < 2**32:
            raise UsageError(f"seed: expected 0 to {2**32 - 1}, found {self.seed}")
        if self.group_gap < 0:
            raise UsageError(f"--group-gap: expected 0 or more, found {self.group_gap}")

    @property
    def product(self) -> str:
        """The product's name."""
        return self.out.resolve().name if self.name is None else self.name


@dataclasses.dataclass(frozen=True, kw_only=True)
class BuildReport:
    """What was built.

    Attributes:
        bundle: the folder.
        digest: its identity.
        images, skipped_images: good images that went in, and that could not be read.
        parts: good parts that they show.
        lookalikes: pairs of near-identical images that were held out apart as if they showed two parts, nearest first.
        bank: vectors and values per vector.
        duplicates: patches left out because an identical one is in the bank.
        ignored_patches: patches of a frame that never count.
        recall: of plain HNSW for good patches, 0 to 1.
        calibration: scale and thresholds.
        warning: what results of the bundle must be marked with (untrained weights), or None.
    """

    bundle: str
    digest: str
    images: int
    skipped_images: int
    parts: int
    lookalikes: tuple[tuple[str, str], ...]
    bank: tuple[int, int]
    duplicates: int
    ignored_patches: int
    recall: float
    calibration: Calibration
    warning: str | None


def build_bundle(config: BuildConfig) -> BuildReport:
    """Builds a bundle; it appears at `config.out` whole, after its own self-test, or not at all.

    Raises:
        UsageError: folders, parts, rate, mask or target that cannot work.
        FrameError: an image cannot be read and `skip_unreadable` is off.
        BundleError: the backbone is refused, or the finished bundle does not pass its own checks.
    """
    check_target(config.out, force=config.force, mark=MANIFEST_SHA256, own=OWN_FILES)
    refuse_category(config.good_dir)
    parts = group_parts(find_images(config.good_dir), config.good_dir, pattern=config.group, gap=config.group_gap)
    method, rate = config.calibration, config.false_reject_rate
    folds = make_folds(parts, method=method, false_reject_rate=rate, seed=config.seed)
    backbone = Backbone.load(config.backbone, threads=1)
    learned = learn(
        backbone,
        parts,
        folds,
        method=method,
        false_reject_rate=rate,
        seed=config.seed,
        ignore=config.ignore,
        skip_unreadable=config.skip_unreadable,
        workers=config.threads,
    )
    vectors, profile = learned.bank.vectors, backbone.spec.profile
    directions = principal_directions(vectors, profile.index.directions)
    index = build_index(vectors, directions, profile.index, seed=config.seed)
    graph = Graph(index, directions, ef_search=profile.index.ef_search, threads=config.threads)
    facts = _bank_facts(learned, graph, profile)
    bank = Bank(
        vectors,
        graph,
        neighbours=profile.neighbours,
        candidates=profile.index.candidates,
        search=facts.search,
        threads=config.threads,
    )
    inspector = Inspector(backbone=backbone, bank=bank, calibration=learned.calibration, ignored=learned.ignored)
    frames = choose_golden(list(learned.held_out), learned.worst, backbone.spec.frame)
    golden = {f"golden/{at:03}.npy": frame for at, frame in enumerate(frames)}
    manifest = Manifest(
        format_version=FORMAT_VERSION,
        name=config.product,
        serial=config.serial,
        backbone=backbone.spec,
        bank=facts,
        provenance=_provenance(config, learned),
        golden=tuple(GoldenFrame(file=file, score=inspector.inspect(frame).score) for file, frame in golden.items()),
        golden_tolerance=TOLERANCE_SIGMAS,
        files={},
    )
    digest = _publish(config, manifest, index=index, directions=directions, learned=learned, golden=golden)
    return _report(config, digest, learned, manifest)


def _bank_facts(learned: Learned, graph: Graph, profile: Profile) -> BankSpec:
    """What the manifest states of the bank."""
    vectors = learned.bank.vectors
    recall = measure_recall(
        graph,
        vectors,
        learned.queries,
        neighbours=profile.neighbours,
        candidates=profile.index.candidates,
    )
    return BankSpec(
        vectors=len(vectors),
        directions=graph.projection.shape[1],
        search=search_method(len(vectors)),
        recall=recall,
    )


def _publish(
    config: BuildConfig,
    manifest: Manifest,
    *,
    index: hnswlib.Index,
    directions: npt.NDArray[np.float32],
    learned: Learned,
    golden: dict[str, npt.NDArray[Any]],
) -> str:
    """Writes everything beside the target, reads it back, and only then lets it appear; returns the digest."""
    with staged_folder(config.out, force=config.force, mark=MANIFEST_SHA256, own=OWN_FILES) as staging:
        (staging / "golden").mkdir()
        for file, frame in golden.items():
            np.save(staging / file, frame, allow_pickle=False)
        if learned.ignored is not None:
            np.save(staging / IGNORE, learned.ignored, allow_pickle=False)
        np.save(staging / VECTORS, learned.bank.vectors, allow_pickle=False)
        np.save(staging / DIRECTIONS, directions, allow_pickle=False)
        save_index(index, staging / INDEX)
        digest = write_bundle(staging, manifest, backbone=config.backbone.read_bytes(), calibration=learned.calibration)
        # hnswlib reports success on a full disk: only reading everything back shows that the bundle is whole
        Inspector.load(staging, threads=config.threads).close()
    return digest


def _report(config: BuildConfig, digest: str, learned: Learned, manifest: Manifest) -> BuildReport:
    return BuildReport(
        bundle=str(config.out),
        digest=digest,
        images=manifest.provenance.images,
        skipped_images=manifest.provenance.skipped_images,
        parts=manifest.provenance.parts,
        lookalikes=tuple((str(one), str(other)) for one, other in learned.lookalikes),
        bank=(len(learned.bank.vectors), learned.bank.vectors.shape[1]),
        duplicates=learned.bank.duplicates,
        ignored_patches=0 if learned.ignored is None else int(learned.ignored.sum()),
        recall=manifest.bank.recall,
        calibration=learned.calibration,
        warning=manifest.backbone.weights.warning,
    )


def _provenance(config: BuildConfig, learned: Learned) -> Provenance:
    return Provenance(
        dataset_sha256=dataset_digest(dict(sorted(learned.images.items())), config.good_dir),
        images=len(learned.images),
        parts=learned.parts,
        skipped_images=learned.skipped,
        patches=learned.patches,
        seed=config.seed,
        versions={
            "python": platform.python_version(),
            **{name: importlib.metadata.version(name) for name in _PACKAGES},
        },
    )
