"""Lines about the batches of a build: what each was good for, and what it brought."""

from goodpart_bank_builder.build.batch_summary import BatchSummary
from goodpart_bank_builder.build.build import BuildReport
from goodpart_bank_builder.cli.diagnosis import shortened

_MARGIN = " " * 12


def batch_lines(report: BuildReport) -> list[str]:
    """A line for each batch where there are several; what later ones brought; images that stay out; what calibrates."""
    lines = []
    several = len(report.batches) > 1
    for number, batch in enumerate(report.batches):
        if several:
            taken = "" if batch.taken is None else f", taken {batch.taken}"
            lines.append(
                f"{'batches' if number == 0 else '':<12}{batch.name}: {_images(batch)}{taken}; {batch.use.value}"
            )
        if batch.new_patches is not None:
            lines.append(f"{_MARGIN}{batch.new_patches:,} of {batch.patches:,} new patches were new")
            if not batch.is_needed:
                more = "; it sharpens the threshold" if batch.use.name == "CALIBRATES" else ""
                lines.append(f"{_MARGIN}{batch.name} is not needed for the bank{more}")
        if batch.left_out:
            many = len(batch.left_out)
            lines.append(
                f"{_MARGIN}{many} of them {'stays' if many == 1 else 'stay'} out of bank and threshold, because their "
                f"parts calibrate by the split method: {shortened(list(batch.left_out))}"
            )
    if report.calibrates_since is not None:
        lines.append(
            f"{'calibrates':<12}on batches taken since {report.calibrates_since} alone: "
            f"{len(report.calibration.scores)} held-out {report.calibration.rate_unit.value}s"
        )
    return lines


def _images(batch: BatchSummary) -> str:
    return f"{batch.images} image{'' if batch.images == 1 else 's'}"
