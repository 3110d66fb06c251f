"""Beside: what lies beside a bundle for people, and goes to no device: findings, and pictures of painted defects."""

import dataclasses
from pathlib import Path

from goodpart_bank_builder.build.build import BuildReport
from goodpart_bank_builder.data.good_folder import read_good_folder
from goodpart_bank_builder.data.settings import BuildSettings
from goodpart_bank_builder.doctor.findings_file import write_findings
from goodpart_bank_builder.learn.learn import Learned, renamed
from goodpart_bank_builder.report.painted import write_painted


@dataclasses.dataclass(frozen=True, kw_only=True)
class Beside:
    """Files that were written; None for what there is nothing to say of.

    Attributes:
        findings: what wants a look.
        painted: what the head was taught.
    """

    findings: Path | None
    painted: Path | None


def write_beside(
    settings: BuildSettings, report: BuildReport, learned: Learned, findings: Path | None = None
) -> Beside:
    """Writes what lies beside a new bundle, or removes what lay beside an older one of this name.

    Args:
        settings: of the build.
        report: of the build.
        learned: from the images.
        findings: where the findings go; None for beside the bundle if anything was found.

    Raises:
        UsageError: a file cannot be written.
    """
    named = renamed(learned, read_good_folder(settings).names)
    return Beside(
        findings=write_findings(findings, settings.out, report.diagnosis),
        painted=write_painted(settings.out, named, digest=report.digest, good_dir=Path()),
    )
