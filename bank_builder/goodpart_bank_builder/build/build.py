"""Build: makes a bundle from good images and a backbone."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from goodpart._host.atomic import check_target, staged_folder
from goodpart.bank.search import Bank
from goodpart.bundle.names import DIRECTIONS, HEAD, IGNORE, INDEX, MANIFEST_SHA256, ORIGINS, OWN_FILES, VECTORS
from goodpart.bundle.write import write_bundle
from goodpart.errors import UsageError
from goodpart.facts.calibration import Calibration
from goodpart.facts.learned import ImageList
from goodpart.facts.manifest import FORMAT_VERSION, BankSpec, GoldenFrame, Manifest
from goodpart.inspector import Inspector
from goodpart.model.backbone import Backbone
from goodpart_bank_builder.build.allowed import threshold_range
from goodpart_bank_builder.build.atlas import ATLAS, write_atlas
from goodpart_bank_builder.build.batch_summary import BatchSummary, batch_summaries
from goodpart_bank_builder.build.golden import TOLERANCE_SIGMAS, choose_golden
from goodpart_bank_builder.build.index import ChosenIndex, choose_index, save_index, search_method
from goodpart_bank_builder.build.provenance import bank_origins, image_list, pictured, provenance
from goodpart_bank_builder.data.good_folder import GoodFolder, read_good_folder
from goodpart_bank_builder.data.parts import make_folds
from goodpart_bank_builder.data.settings import BuildSettings
from goodpart_bank_builder.doctor.doctor import Diagnosis, examine
from goodpart_bank_builder.learn.frame_checks import learn_checks
from goodpart_bank_builder.learn.learn import Learned, learn, renamed
from goodpart_bank_builder.learn.teach import Taught
from goodpart_bank_builder.learn.workspace import Workspace
from goodpart_bank_builder.recipe.stored import stored_recipe


@dataclasses.dataclass(frozen=True, kw_only=True)
class BuildReport:
    """What was built.

    Attributes:
        bundle: the folder.
        digest: the bundle's identity.
        images, skipped_images: good images that were learned, and images that could not be read.
        parts: good parts that the learned images show.
        lookalike_pairs: pairs of near-identical images that were held out in different folds, as two parts.
        lookalikes: at most 20 of these pairs, the nearest first.
        bank: number of vectors, and values per vector.
        duplicates: patches left out because the bank holds an identical one.
        passed_over: a phrase for every kind of file in the folder that is not read: how many, and the first names.
        frame_patches: patches of a frame.
        ignored_patches: how many of them never count.
        recall: share of nearest neighbours that plain HNSW finds for good patches, 0 to 1.
        calibration: scale and thresholds.
        head: whether there is a head, and what it gains on painted defects, in words.
        warning: the warning that marks all results of the bundle (untrained weights), or None.
        excluded: the sha256 of every image that was left out on demand, by name.
        diagnosis: the images that want a look, and the parts that the threshold rests on.
        thumbnails: how many learned images the bundle has small pictures of.
        thumbnail_bytes: what they take.
        batches: what each batch of images was good for.
        calibrates_since: batches taken before it set no threshold; None for all.
    """

    bundle: str
    digest: str
    images: int
    skipped_images: int
    parts: int
    lookalike_pairs: int
    lookalikes: tuple[tuple[str, str], ...]
    bank: tuple[int, int]
    duplicates: int
    passed_over: tuple[str, ...]
    frame_patches: int
    ignored_patches: int
    recall: float
    calibration: Calibration
    head: str
    warning: str | None
    excluded: dict[str, str]
    diagnosis: Diagnosis
    thumbnails: int
    thumbnail_bytes: int
    batches: tuple[BatchSummary, ...]
    calibrates_since: str | None


def build_bundle(settings: BuildSettings) -> BuildReport:
    """Builds a bundle; it appears at `settings.out` complete, after its own self-test, or not at all.

    Raises:
        UsageError: the folders, the parts, the rate, the mask or the target cannot be used.
        FrameError: an image cannot be read and `skip_unreadable` is off.
        BundleError: the backbone is refused, or the finished bundle does not pass its own checks.
    """
    return build_and_keep(settings)[0]


def build_and_keep(settings: BuildSettings, workspace: Workspace | None = None) -> tuple[BuildReport, Learned]:
    """Like `build_bundle`; also gives what was learned: the bundle keeps no distances of held-out images.

    Args:
        settings: of the build.
        workspace: what earlier builds have computed; None for none.
    """
    check_target(settings.out, force=settings.force, mark=MANIFEST_SHA256, own=OWN_FILES)
    found = read_good_folder(settings)
    parts = found.parts
    folds = make_folds(parts, settings, found.roles)
    backbone = Backbone.load(settings.backbone, threads=1)
    if settings.profile not in (None, backbone.spec.profile.name):
        raise UsageError(
            f"{settings.backbone}: expected the profile {settings.profile!r} of the recipe, found "
            f"{backbone.spec.profile.name!r}; export the backbone with it, or correct the recipe"
        )
    learned = learn(backbone, parts, folds, settings, workspace)
    named, parts_by_name = renamed(learned, found.names), {Path(found.names[path]): parts[path] for path in parts}
    diagnosis = examine(named, parts_by_name, settings, Path(), backbone.spec.frame.channels)
    vectors, profile = learned.bank.vectors, backbone.spec.profile
    chosen = choose_index(vectors, learned.queries, profile, seed=settings.seed, threads=settings.threads)
    facts = BankSpec(
        vectors=len(vectors),
        directions=chosen.graph.projection.shape[1],
        search=search_method(len(vectors)),
        recall=chosen.recall,
        candidates=chosen.candidates,
    )
    bank = Bank(
        vectors,
        chosen.graph,
        neighbours=profile.neighbours,
        candidates=chosen.candidates,
        search=facts.search,
        threads=settings.threads,
    )
    taught = learned.taught
    inspector = Inspector(
        backbone=backbone,
        bank=bank,
        calibration=learned.calibration,
        ignored=learned.ignored,
        term=learned.term,
    )
    frames = choose_golden(list(learned.held_out), learned.worst, backbone.spec.frame)
    golden = {f"golden/{number:03}.npy": frame for number, frame in enumerate(frames)}
    golden_frames = tuple(GoldenFrame(file=file, score=inspector.inspect(each).score) for file, each in golden.items())
    manifest = Manifest(
        format_version=FORMAT_VERSION,
        name=settings.product,
        serial=settings.serial,
        backbone=backbone.spec,
        bank=facts,
        provenance=provenance(settings, learned, found, diagnosis),
        golden=golden_frames,
        golden_tolerance=TOLERANCE_SIGMAS,
        files={},
        head=None if taught is None else taught.spec,
        excess=learned.excess,
        atlas=ATLAS if settings.thumbnails else None,
        threshold_range=threshold_range(learned.calibration, defect_score=golden_frames[-1].score),
        checks=learn_checks(learned.frames, [fold.images for fold in folds], backbone.spec, any_size=settings.any_size),
    )
    images = image_list(learned, found)
    digest = _publish(settings, manifest, chosen=chosen, learned=learned, golden=golden, images=images, found=found)
    return _report(settings, digest, learned, manifest, found=found, diagnosis=diagnosis), learned


def _publish(
    settings: BuildSettings,
    manifest: Manifest,
    *,
    chosen: ChosenIndex,
    learned: Learned,
    golden: dict[str, npt.NDArray[Any]],
    images: ImageList,
    found: GoodFolder,
) -> str:
    """Writes all files beside the target, reads them back, then moves them to the target; returns the digest."""
    with staged_folder(settings.out, force=settings.force, mark=MANIFEST_SHA256, own=OWN_FILES) as staging:
        (staging / "golden").mkdir()
        for file, frame in golden.items():
            np.save(staging / file, frame, allow_pickle=False)
        if learned.ignored is not None:
            np.save(staging / IGNORE, learned.ignored, allow_pickle=False)
        np.save(staging / VECTORS, learned.bank.vectors, allow_pickle=False)
        np.save(staging / DIRECTIONS, chosen.graph.projection, allow_pickle=False)
        save_index(chosen.index, staging / INDEX)
        if learned.taught is not None:
            np.save(staging / HEAD, learned.taught.head.flat, allow_pickle=False)
        origins = bank_origins(learned, images, manifest.backbone.grid, found.names)
        np.save(staging / ORIGINS, origins, allow_pickle=False)
        if settings.thumbnails:
            write_atlas(
                pictured(learned, images, origins, found.names),
                manifest.backbone.frame,
                staging,
                threads=settings.threads,
            )
        backbone = settings.backbone.read_bytes()
        recipe = stored_recipe(
            settings,
            manifest.provenance.batches or (),
            found.excluded,
            profile=manifest.backbone.profile.name,
        )
        digest = write_bundle(
            staging, manifest, backbone=backbone, calibration=learned.calibration, images=images, recipe=recipe
        )
        # hnswlib reports success on a full disk; only reading all files back shows that the bundle is complete
        with Inspector.load(staging, threads=settings.threads) as inspector:
            _ = inspector.memory
    return digest


def _report(
    settings: BuildSettings,
    digest: str,
    learned: Learned,
    manifest: Manifest,
    *,
    found: GoodFolder,
    diagnosis: Diagnosis,
) -> BuildReport:
    return BuildReport(
        bundle=str(settings.out),
        digest=digest,
        images=manifest.provenance.images,
        skipped_images=manifest.provenance.skipped_images,
        parts=manifest.provenance.parts,
        lookalike_pairs=learned.lookalikes.count,
        lookalikes=tuple((str(one), str(other)) for one, other in learned.lookalikes.nearest),
        bank=(len(learned.bank.vectors), learned.bank.vectors.shape[1]),
        duplicates=learned.bank.duplicates,
        passed_over=tuple(found.passed_over()),
        frame_patches=manifest.backbone.grid.patches,
        ignored_patches=0 if learned.ignored is None else int(learned.ignored.sum()),
        recall=manifest.bank.recall,
        calibration=learned.calibration,
        head=_head_words(learned.taught),
        warning=manifest.backbone.weights.warning,
        excluded=found.excluded,
        diagnosis=diagnosis,
        thumbnails=len(np.unique(learned.bank.origins // manifest.backbone.grid.patches)) if settings.thumbnails else 0,
        thumbnail_bytes=sum(path.stat().st_size for path in (settings.out / "atlas").glob("*.jpg")),
        batches=batch_summaries(found, learned),
        calibrates_since=settings.calibrates_since,
    )


def _head_words(taught: Taught | None) -> str:
    if taught is None:
        return "none"
    words = f"alpha {taught.spec.alpha:g}"
    if taught.painted_auroc is None:
        return words
    without, with_head = taught.painted_auroc
    return f"{words}; AUROC on painted defects of held-out parts {with_head:.3f}, without the head {without:.3f}"
