"""Build: good images and a backbone become a bundle."""

import dataclasses
import importlib.metadata
import platform
from pathlib import Path
from typing import Any

import hnswlib
import numpy as np
import numpy.typing as npt

from goodpart.atomic import check_target, staged_folder
from goodpart.backbone import Backbone
from goodpart.bank import Bank
from goodpart.bundle import BANK, MANIFEST_SHA256, OWN_FILES, write_bundle
from goodpart.calibration import Calibration, quantile_rank
from goodpart.errors import UsageError
from goodpart.images import find_images
from goodpart.inspector import Inspector
from goodpart.profile import Profile
from goodpart.scoring import image_score
from goodpart.spec import FORMAT_VERSION, BankSpec, GoldenFrame, Manifest, Provenance, check_name
from goodpart_bank_builder.calibrate import held_out_distances, make_calibration
from goodpart_bank_builder.coreset import Coreset, choose_coreset
from goodpart_bank_builder.dataset import dataset_digest, refuse_category
from goodpart_bank_builder.embed import Embedded, embed_images
from goodpart_bank_builder.golden import TOLERANCE_SIGMAS, choose_golden
from goodpart_bank_builder.index import build_index, measure_recall, save_index

_RECALL_QUERIES = 1000
_PACKAGES = ("goodpart", "goodpart-bank-builder", "numpy", "onnxruntime", "hnswlib", "opencv-python-headless")


@dataclasses.dataclass(frozen=True, kw_only=True)
class BuildConfig:
    """What to build.

    Attributes:
        good_dir: photographs of good parts, found recursively.
        backbone: an ONNX file from goodpart-export.
        out: the bundle folder to make.
        name: the product; None for the name of `out`.
        false_reject_rate: share of good parts that the threshold may reject, 0 to 1.
        seed: of the subsample and the index.
        threads: for embedding.
        skip_unreadable: leave out images that cannot be read.
        force: replace an existing bundle.
    """

    good_dir: Path
    backbone: Path
    out: Path
    name: str | None = None
    false_reject_rate: float = 0.05
    seed: int = 0
    threads: int = 1
    skip_unreadable: bool = False
    force: bool = False

    def __post_init__(self) -> None:
        # now, and not when the manifest is written after minutes of work
        check_name(self.product)
        if not 0 <= self.seed < 2**32:
            raise UsageError(f"seed: expected 0 to {2**32 - 1}, found {self.seed}")

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
        bank: vectors and values per vector.
        duplicates: patches left out because an identical one is in the bank.
        recall: of plain HNSW for good patches, 0 to 1.
        calibration: scale and threshold.
        warning: what results of the bundle must be marked with (untrained weights), or None.
    """

    bundle: str
    digest: str
    images: int
    skipped_images: int
    bank: tuple[int, int]
    duplicates: int
    recall: float
    calibration: Calibration
    warning: str | None


def build_bundle(config: BuildConfig) -> BuildReport:
    """Builds a bundle; it appears at `config.out` whole, after its own self-test, or not at all.

    Raises:
        UsageError: folders, rate or target that cannot work.
        FrameError: an image cannot be read and `skip_unreadable` is off.
        BundleError: the backbone is refused, or the finished bundle does not pass its own checks.
    """
    check_target(config.out, force=config.force, mark=MANIFEST_SHA256, own=OWN_FILES)
    refuse_category(config.good_dir)
    paths = find_images(config.good_dir)
    quantile_rank(len(paths), config.false_reject_rate)
    backbone = Backbone.load(config.backbone, threads=config.threads)
    profile = backbone.spec.profile
    embedded = embed_images(backbone, paths, skip_unreadable=config.skip_unreadable)
    quantile_rank(len(embedded.contents), config.false_reject_rate)
    coreset = choose_coreset(embedded.embeddings, method=profile.coreset, size=profile.bank_vectors, seed=config.seed)
    distances = held_out_distances(embedded.embeddings, coreset, neighbours=profile.neighbours)
    calibration = make_calibration(distances, top_k=profile.top_k, false_reject_rate=config.false_reject_rate)
    index = build_index(coreset.vectors, profile.index, seed=config.seed)
    recall = _recall(index, coreset, embedded, profile)
    bank = Bank(index, neighbours=profile.neighbours, ef_search=profile.index.ef_search, threads=config.threads)
    inspector = Inspector(backbone=backbone, bank=bank, calibration=calibration)
    worst = [image_score(grid, profile.top_k) for grid in distances]
    frames = choose_golden(list(embedded.contents), worst, backbone.spec.frame)
    golden = {f"golden/{at:03}.npy": frame for at, frame in enumerate(frames)}
    manifest = Manifest(
        format_version=FORMAT_VERSION,
        name=config.product,
        backbone=backbone.spec,
        bank=BankSpec(vectors=len(coreset.vectors), recall=recall),
        provenance=_provenance(config, embedded),
        golden=tuple(GoldenFrame(file=file, score=inspector.inspect(frame).score) for file, frame in golden.items()),
        golden_tolerance=TOLERANCE_SIGMAS,
        files={},
    )
    digest = _publish(config, manifest, index=index, calibration=calibration, golden=golden)
    return BuildReport(
        bundle=str(config.out),
        digest=digest,
        images=len(embedded.contents),
        skipped_images=len(embedded.skipped),
        bank=(len(coreset.vectors), coreset.vectors.shape[1]),
        duplicates=coreset.duplicates,
        recall=recall,
        calibration=calibration,
        warning=backbone.spec.weights.warning,
    )


def _publish(
    config: BuildConfig,
    manifest: Manifest,
    *,
    index: hnswlib.Index,
    calibration: Calibration,
    golden: dict[str, npt.NDArray[Any]],
) -> str:
    """Writes everything beside the target, reads it back, and only then lets it appear; returns the digest."""
    with staged_folder(config.out, force=config.force, mark=MANIFEST_SHA256, own=OWN_FILES) as staging:
        (staging / "golden").mkdir()
        for file, frame in golden.items():
            np.save(staging / file, frame, allow_pickle=False)
        save_index(index, staging / BANK)
        digest = write_bundle(staging, manifest, backbone=config.backbone.read_bytes(), calibration=calibration)
        # hnswlib reports success on a full disk: only reading everything back shows that the bundle is whole
        Inspector.load(staging, threads=config.threads).self_test()
    return digest


def _recall(index: hnswlib.Index, coreset: Coreset, embedded: Embedded, profile: Profile) -> float:
    flat = embedded.embeddings.reshape(-1, embedded.embeddings.shape[2])
    count = min(_RECALL_QUERIES, len(flat))
    queries = flat[np.linspace(0, len(flat) - 1, count).astype(np.int64)]
    return measure_recall(
        index, coreset.vectors, queries, neighbours=profile.neighbours, ef_search=profile.index.ef_search
    )


def _provenance(config: BuildConfig, embedded: Embedded) -> Provenance:
    return Provenance(
        dataset_sha256=dataset_digest(embedded.contents, config.good_dir),
        images=len(embedded.contents),
        skipped_images=len(embedded.skipped),
        patches=embedded.embeddings.shape[0] * embedded.embeddings.shape[1],
        seed=config.seed,
        versions={
            "python": platform.python_version(),
            **{name: importlib.metadata.version(name) for name in _PACKAGES},
        },
    )
