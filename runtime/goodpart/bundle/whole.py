"""Whether a bundle is whole: everything that can be known of it without running a model."""

import numpy as np
import numpy.typing as npt

from goodpart.bundle.atlas import check_atlas
from goodpart.bundle.bank import load_bank
from goodpart.bundle.bundle import Bundle
from goodpart.bundle.names import BACKBONE
from goodpart.bundle.term import load_term
from goodpart.model.backbone import check_backbone
from goodpart.model.onnx_facts import check_ends, read_spec
from goodpart.model.onnx_guard import check_onnx


def check_whole(bundle: Bundle) -> None:
    """Checks what every file of a bundle holds, and that the files fit together.

    No onnxruntime session is opened. Whether the golden frames give their scores on this machine is asked by
    `Inspector.load` and `goodpart selftest`.

    Args:
        bundle: from `read_bundle`, which has checked its bytes, manifest, calibration and ignore mask.

    Raises:
        BundleError: a file has changed since it was checked, or is not what the manifest says.
    """
    load_bank(bundle, threads=1, products=_products)
    model, where = bundle.read_backbone(), str(bundle.folder / BACKBONE)
    check_onnx(model, where)
    spec = read_spec(model, where)
    check_backbone(spec, bundle.manifest.backbone, str(bundle.folder))
    check_ends(model, spec, where)
    del model
    load_term(bundle)
    for golden in bundle.manifest.golden:
        bundle.read_golden(golden.file)
    # with the list of images
    check_atlas(bundle, bundle.read_origins())
    bundle.read_recipe()


def _products(vectors: npt.NDArray[np.float32], rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """`(N, R) float32` inner products; unlike `inner_products`, by numpy, which may use all cores here."""
    return np.asarray(vectors @ rows.T, dtype=np.float32)
