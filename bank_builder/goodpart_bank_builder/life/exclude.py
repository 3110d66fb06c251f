"""Exclude: finds learned images that are the given frames, or near-identical to them, and leaves them out."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from goodpart.errors import UsageError
from goodpart.facts.spec import FrameSpec
from goodpart.model.backbone import Backbone
from goodpart_bank_builder.data.good_folder import read_good_folder
from goodpart_bank_builder.data.settings import BuildSettings
from goodpart_bank_builder.learn.embed import GoodImages
from goodpart_bank_builder.life.rebuild import Edit, open_workspace
from goodpart_bank_builder.progress import progress
from goodpart_bank_builder.recipe.recipe import read_recipe, sha256_of
from goodpart_bank_builder.recipe.stored import with_excluded


@dataclasses.dataclass(frozen=True, kw_only=True)
class Match:
    """A learned image that is a frame, or looks like it.

    Attributes:
        frame: that was given.
        image: what the learned image is called.
        sha256: of the learned image.
        identical: whether the two files are the same; else they are near-identical.
    """

    frame: str
    image: str
    sha256: str
    identical: bool


@dataclasses.dataclass(frozen=True, kw_only=True)
class Exclusion:
    """What leaving frames out means.

    Attributes:
        frames: that were given.
        matches: the images to leave out, by frame, the nearest first; an image that several frames look like once.
        more: how many others are near-identical to a frame: at most 20 of each frame are listed.
        edit: of the recipe.
        settings: of the recipe's builds, which say where the images lie.
        spec: of the frames that its backbone takes.
    """

    frames: tuple[Path, ...]
    matches: tuple[Match, ...]
    more: int
    edit: Edit
    settings: BuildSettings
    spec: FrameSpec


def find_learned(file: Path, frames: Sequence[Path], *, threads: int) -> Exclusion:
    """Finds the images of a recipe that are the given frames or near-identical to them.

    Near-identical is what the build reports as such: much nearer to each other than the neighbourhood of both.

    Args:
        file: the recipe.
        frames: images that turned out to show no good part.
        threads: images to work on at a time.

    Raises:
        UsageError: the recipe or a frame cannot be used.
        FrameError: an image cannot be read.
    """
    recipe = read_recipe(file)
    recipe.check_pins()
    settings = dataclasses.replace(recipe.settings, threads=threads)
    found = read_good_folder(settings)
    paths = list(found.parts)
    watched = progress(paths, doing="comparing contents", total=len(paths), unit="images")
    by_digest = {sha256_of(path): path for path in watched}
    digest_of = {path: digest for digest, path in by_digest.items()}
    same = {frame: by_digest.get(sha256_of(frame)) for frame in frames}
    backbone = Backbone.load(settings.backbone, threads=1)
    images = GoodImages(backbone, settings, workspace=open_workspace(recipe, settings))
    strangers = list({sha256_of(frame): frame for frame, path in same.items() if path is None}.values())
    for _ in images.read(progress(paths, doing="comparing", total=len(paths), unit="images")):
        pass
    for _ in images.read(strangers):
        pass
    if images.skipped.keys() & set(strangers):
        raise UsageError(f"{strangers[0]}: expected a frame that can be read, found none")
    matches = [
        Match(frame=str(frame), image=found.names[path], sha256=digest_of[path], identical=True)
        for frame, path in same.items()
        if path is not None
    ]
    more = 0
    for frame in frames:
        own = same[frame] or next(each for each in strangers if sha256_of(each) == sha256_of(frame))
        near = images.lookalikes.across([[own], [path for path in paths if path != own]])
        more += near.count - len(near.nearest)
        matches += [
            Match(frame=str(frame), image=found.names[other], sha256=digest_of[other], identical=False)
            for _, other in near.nearest
        ]
    spec = backbone.spec.frame
    backbone.close()
    chosen = tuple({match.sha256: match for match in reversed(matches)}.values())[::-1]
    text = recipe.places.text
    after = with_excluded(text, [match.sha256 for match in chosen]) if chosen else text
    edit = Edit(before=text, after=after)
    return Exclusion(frames=tuple(frames), matches=chosen, more=more, edit=edit, settings=recipe.settings, spec=spec)
