"""Words: the glossary at the end of a report, a part of docs/words.md."""

WORDS = {
    "AUPRC": "mean share of right DEFECT verdicts over all shares of defects found: 1 is perfect, the share of "
    "defects in the test set is chance",
    "AUPRO to 0.30": "mean share of each marked defect's area that the heat map finds, while at most 30 % of the good "
    "pixels are called defective: 1 is perfect",
    "AUROC": "how well scores separate good from defective: 1 is perfect, 0.5 is chance",
    "bank": "the embeddings of good patches that a frame is compared with",
    "best F1": "the best balance of defects found and DEFECT verdicts that are right, at any threshold: 1 is perfect",
    "calibration part": "a good part, or image, whose held-out score sets the threshold",
    "coreset": "the patches that the bank keeps of all that were learned, chosen so that all others lie near one of "
    "them",
    "cross-conformal": "all parts are held out in turn: a part is scored by a bank that does not hold it",
    "doctor": "looks at the good images before anybody believes them, and names those that want a look: part of every "
    "build, and goodpart-bank doctor",
    "escape": "a defective part that is called good",
    "exchangeable": "as if drawn from one heap: new parts of the same product, light, camera and batches as those of "
    "the build",
    "false reject": "a good part that is called defective",
    "head": "a small network that learned from painted defects; its output is added to the distance of every patch",
    "held-out": "a held-out part is scored by a bank that was made without it, as a new part would be",
    "HNSW recall": "how often the bank's index finds the true neighbours by itself; every score is checked against "
    "the whole bank, so a low recall costs time and changes no verdict",
    "K": "how many nearest vectors of the bank make the distance of a patch",
    "mask": "a picture that marks the defect of a test image; pixels above 0 are defective",
    "mu": "the mean distance of good patches to the bank; it is taken off every distance",
    "outlier": "a good image whose held-out score is far above those of the others; the doctor names it",
    "p-value": "the share of good parts, or images, as the rate counts, that are expected to score at least this "
    "high; with n held-out scores it is never below 1 / (n + 1)",
    "painted defect": "a scratch, dot, blob or misplaced piece that a build paints on a good image",
    "patch": "one cell of the grid that goodpart lays over a frame, for example one of 36x36",
    "pixel threshold": "the patch score that contours and boxes surround; of the good images held out, about the "
    "false-reject rate have a patch above it. The verdict does not depend on it",
    "score": "of a patch: its distance to the bank, less the mean distance of good patches, in sigmas; of an image: "
    "the mean of its highest patch scores",
    "serial": "a number that a build gives a bundle with --serial, so that devices can refuse older ones; 0 if none "
    "was given",
    "sigma": "one standard deviation of the distances of good patches to the bank: the unit of scores and thresholds",
    "target": "the false-reject rate that the threshold is made for; a promise only with --calibration split",
    "threshold": "the image score above which the verdict is DEFECT",
    "top-k": "how many of the highest patch scores make the score of an image, by their mean",
    "trunk": "the layers of the network that goodpart uses, without those that name objects",
    "unit of the rate": "what a false-reject rate is a share of: images (default), or parts, of which one is rejected "
    "when any of its images is",
}
"""Meaning by word, alphabetically."""
