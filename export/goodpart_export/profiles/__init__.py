"""The profiles that ship, as JSON files beside this one, and the reader for them and for those of third parties."""

from importlib import resources
from pathlib import Path

from goodpart._host.strict_json import decode
from goodpart.errors import ManifestError, UsageError
from goodpart.facts.profile import Profile


def shipped_profiles() -> list[str]:
    """Names of the profiles that come with goodpart-export."""
    names = (entry.name for entry in resources.files(__name__).iterdir())
    return sorted(name.removesuffix(".json") for name in names if name.endswith(".json"))


def load_profile(name_or_file: str) -> Profile:
    """A profile by name, or from a JSON file.

    Raises:
        UsageError: no such name or file, or the file is not a profile.
    """
    if name_or_file in shipped_profiles():
        text = resources.files(__name__).joinpath(f"{name_or_file}.json").read_bytes()
    else:
        try:
            text = Path(name_or_file).read_bytes()
        except OSError as error:
            raise UsageError(
                f"--profile: expected one of {shipped_profiles()} or a JSON file, "
                f"found {name_or_file!r} ({error.strerror})"
            ) from error
    try:
        return decode(Profile, text, where=f"profile {name_or_file}")
    except ManifestError as error:
        raise UsageError(str(error)) from error
