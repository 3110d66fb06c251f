"""The features of a camera through Aravis, each by its kind."""

from collections.abc import Iterator
from typing import Any

from goodpart_station.sources.device import FeatureError, Value, unknown_feature


class Features:
    """Reads and sets features. It raises the library's errors too, which its caller turns into ours."""

    def __init__(self, aravis: Any, device: Any) -> None:
        """Asks the camera for nothing yet.

        Args:
            aravis: the module.
            device: an `Aravis.Device`.
        """
        self._aravis, self._device = aravis, device

    def read(self, name: str) -> Value:
        """The value of a feature.

        Raises:
            FeatureError: there is no such feature, or it has no value.
        """
        device, feature = self._device, self._feature(name)
        if self._is(feature, "GcEnumeration", "GcString"):
            return str(device.get_string_feature_value(name))
        if self._is(feature, "GcBoolean"):
            return bool(device.get_boolean_feature_value(name))
        if self._is(feature, "GcFloat"):
            return float(device.get_float_feature_value(name))
        if self._is(feature, "GcInteger"):
            return int(device.get_integer_feature_value(name))
        raise _valueless(name)

    def write(self, name: str, value: Value) -> None:
        """Sets a feature.

        Raises:
            FeatureError: there is no such feature, or the value is of another kind.
        """
        device, feature = self._device, self._feature(name)
        is_text, is_truth = isinstance(value, str), isinstance(value, bool)
        if self._is(feature, "GcEnumeration", "GcString"):
            _demand(name, value, "a text", fits=is_text)
            if self._is(feature, "GcEnumeration"):
                known = device.dup_available_enumeration_feature_values_as_strings(name)
                _demand(name, value, f"one of {', '.join(known)}", fits=value in known)
            device.set_string_feature_value(name, value)
        elif self._is(feature, "GcBoolean"):
            _demand(name, value, "true or false", fits=is_truth)
            device.set_boolean_feature_value(name, value)
        elif self._is(feature, "GcFloat"):
            _demand(name, value, "a number", fits=not is_text and not is_truth)
            device.set_float_feature_value(name, float(value))
        elif self._is(feature, "GcInteger"):
            _demand(name, value, "a whole number", fits=not is_text and not is_truth and float(value).is_integer())
            device.set_integer_feature_value(name, int(value))
        else:
            raise _valueless(name)

    def _feature(self, name: str) -> Any:
        if self._device.is_feature_implemented(name):
            return self._device.get_feature(name)
        raise unknown_feature(name, self._names("Root"))

    def _names(self, category: str) -> Iterator[str]:
        """The features below a category that the camera has. Its XML, of which Aravis reads too much, is left alone."""
        for name in self._device.get_feature(category).get_features():
            if self._device.is_feature_implemented(name):
                if self._is(self._device.get_feature(name), "GcCategory"):
                    yield from self._names(name)
                else:
                    yield name

    def _is(self, feature: Any, *kinds: str) -> bool:
        return any(isinstance(feature, getattr(self._aravis, kind)) for kind in kinds)


def _demand(name: str, value: Value, words: str, *, fits: bool) -> None:
    if not fits:
        raise FeatureError(f"{name}: expected {words}, found {value!r}; correct the value")


def _valueless(name: str) -> FeatureError:
    return FeatureError(f"{name}: expected a feature with a value, found none; correct its name")
