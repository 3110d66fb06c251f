"""Trunk: the part of the graph that torch exports. It turns resized pixels into embeddings."""

import math

import torch
from torch import nn

from goodpart.facts.profile import STAGES, Profile, block_of
from goodpart.facts.spec import GridSpec

_STRIDES_PX = {"layer1": 4, "layer2": 8, "layer3": 16}
_CHANNELS = {"layer1": 64, "layer2": 128, "layer3": 256}

# ImageNet's statistics, in grey levels: what torchvision's weights were trained with
_MEAN = (0.485 * 255, 0.456 * 255, 0.406 * 255)
_STD = (0.229 * 255, 0.224 * 255, 0.225 * 255)

_LEAST = 1e-12
"""The smallest length that an embedding is divided by."""


class Trunk(nn.Module):
    """Truncated ResNet-18, neighbourhood average and L2 norm (paper, features)."""

    def __init__(self, network: nn.Module, profile: Profile) -> None:
        """Takes the layers that it needs from a ResNet-18.

        Args:
            network: torchvision's ResNet-18 in evaluation mode.
            profile: stages, grid and neighbourhood.
        """
        super().__init__()
        self._used, self._grid, self._neighbourhood = profile.stages, profile.grid, profile.neighbourhood
        self.stem = nn.Sequential(*(network.get_submodule(name) for name in ("conv1", "bn1", "relu", "maxpool")))
        count = max(STAGES.index(stage) for stage in profile.stages) + 1
        self.blocks = nn.ModuleList([network.get_submodule(block_of(stage)) for stage in STAGES[:count]])
        self.mean: torch.Tensor
        self.std: torch.Tensor
        self.register_buffer("mean", torch.tensor(_MEAN).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(_STD).view(1, 3, 1, 1))
        self.nearness: torch.Tensor
        self.register_buffer("nearness", _binomial(profile.neighbourhood))
        self.ones: torch.Tensor
        self.register_buffer("ones", torch.ones(1, grid_of(profile).dimension))
        self.eval()

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Embeds one picture.

        Args:
            pixels: `(1, 3, H, W) float32` RGB grey levels, 0 to 255; multiples of 16.

        Returns:
            `(P, D) float32` unit vectors, patches row by row on the grid of the profile's stage.
        """
        x = self.stem((pixels - self.mean) / self.std)
        features: dict[str, torch.Tensor] = {}
        for stage, block in zip(STAGES, self.blocks, strict=False):
            x = block(x)
            if stage in self._used:
                features[stage] = x
        fitted = [self._on_grid(stage, found) for stage, found in features.items()]
        grid = torch.cat(fitted, dim=1) if len(fitted) > 1 else fitted[0]
        return self._unit(self._averaged(grid).flatten(2)[0]).T

    def _on_grid(self, stage: str, found: torch.Tensor) -> torch.Tensor:
        """A stage's features on the common grid."""
        own_px, common_px = stride_px(stage), stride_px(self._grid)
        if own_px < common_px:
            # the maximum and not the mean: a thin crack fills only one of the finer patches
            return nn.functional.max_pool2d(found, common_px // own_px)
        if own_px > common_px:
            return nn.functional.interpolate(found, scale_factor=float(own_px // common_px), mode="bilinear")
        return found

    def _averaged(self, grid: torch.Tensor) -> torch.Tensor:
        """Every patch averaged with its neighbours; the outermost patches are repeated beyond the border."""
        if self._neighbourhood == 1:
            return grid
        edge = self._neighbourhood // 2
        weights = self.nearness.expand(grid.shape[1], 1, -1, -1)
        padded = nn.functional.pad(grid, (edge, edge, edge, edge), mode="replicate")
        return nn.functional.conv2d(padded, weights, groups=grid.shape[1])

    def _unit(self, columns: torch.Tensor) -> torch.Tensor:
        """`(D, P)` columns of length 1, or 0 where all features are 0.

        A product with ones adds the squares: onnxruntime's own sum over the rows of a matrix takes ten times as long.
        """
        squared = torch.matmul(self.ones, columns * columns)
        return columns / torch.sqrt(torch.clamp(squared, min=_LEAST**2))


def _binomial(side: int) -> torch.Tensor:
    """`(1, 1, side, side) float32` weights of a neighbourhood, largest in the centre, with the sum 1."""
    row = torch.tensor([float(math.comb(side - 1, position)) for position in range(side)])
    return (row[:, None] * row[None, :] / row.sum() ** 2).view(1, 1, side, side)


def stride_px(stage: str) -> int:
    """Input pixels from one patch of a stage to the next."""
    return _STRIDES_PX[stage.partition(".")[0]]


def grid_of(profile: Profile) -> GridSpec:
    """The grid of patches that a profile produces."""
    side_px = stride_px(profile.grid)
    return GridSpec(
        rows=profile.input_height_px // side_px,
        columns=profile.input_width_px // side_px,
        dimension=sum(_CHANNELS[stage.partition(".")[0]] for stage in profile.stages),
    )
