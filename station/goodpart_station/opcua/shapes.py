"""Shapes: records and recipes as the structures of OPC 40100-1. No field of them is null."""

import datetime
from collections.abc import Sequence
from typing import Any

from asyncua import ua

from goodpart_station.opcua.around import Around
from goodpart_station.opcua.catalogue import Recipe
from goodpart_station.opcua.record import Record, recipe_id

_IDS = {
    "RecipeIdExternalDataType": (3002, 5002),
    "RecipeIdInternalDataType": (3013, 5268),
    "ConfigurationIdDataType": (3008, 5090),
}
"""Ids that add nothing to their base type: data type and binary encoding."""

_RECIPE_EXTERNAL, _RECIPE_INTERNAL, _CONFIGURATION = (number for number, _ in _IDS.values())
_SYSTEM_STATE = 3024
_PRODUCT, _PART, _TIMES, _RESULT, _MEAS, _JOB, _RESULT_ID = 3003, 3004, 3005, 3006, 3015, 3016, 3021

_HASHED_BY = "SHA-256"


def know_ids(vision: int) -> None:
    """Gives the types of recipe and configuration ids a class each.

    asyncua takes them for another name of their abstract base type: it would send ids of that type, and leave those
    that come in undecoded.

    Args:
        vision: the index of the namespace of OPC 40100-1, whose types are loaded.
    """
    base = ua.get_type(ua.NodeId(3019, vision))
    for name, (number, encoding) in _IDS.items():
        data_type = ua.NodeId(number, vision)
        if data_type not in ua.extension_objects_by_datatype:
            made = type(name, (base,), {"__slots__": (), "__doc__": base.__doc__, "data_type": data_type})
            setattr(ua, name, made)
            ua.register_extension_object(name, ua.NodeId(encoding, vision), made, data_type)


def configuration_id(around: Around) -> str:
    """What the station's configuration is called: as the station."""
    return around.station


class Shapes:
    """Makes structures. The node set must have been imported."""

    def __init__(self, vision: int, configuration: str) -> None:
        """Looks for the types.

        Args:
            vision: the index of the namespace of OPC 40100-1.
            configuration: the id of the station's configuration.
        """
        know_ids(vision)
        self._vision, self._configuration = vision, configuration

    def _make(self, number: int, **fields: Any) -> Any:
        return ua.get_type(ua.NodeId(number, self._vision))(**fields)

    def result_id(self, record: Record) -> Any:
        """What the result is called."""
        return self._make(_RESULT_ID, Id=record.result_id)

    def job_id(self, record: Record) -> Any:
        """What the job is called."""
        return self.job(record.job_id)

    def job(self, name: str) -> Any:
        """What a job is called; "" for none."""
        return self._make(_JOB, Id=name)

    def system_state(self, state: int, why: str) -> Any:
        """What the station's time is used for, and why."""
        return self._make(_SYSTEM_STATE, State=ua.SystemStateDataType(state), StateDescription=why)

    def meas_id(self, record: Record) -> Any:
        """What the client called the measurement."""
        return self._make(_MEAS, Id=record.meas_id, Description=_text(record.meas_id))

    def part_id(self, record: Record) -> Any:
        """What the client called the part."""
        return self._make(_PART, Id=record.part_id, Description=_text(record.part_id))

    def product_id(self, product: str) -> Any:
        """What people call the product; "" for none."""
        return self._make(_PRODUCT, Id=product, Description=_text(product))

    def external_recipe(self, product: str) -> Any:
        """What others call the recipe: the product's name; "" for none."""
        return self._hashed(_RECIPE_EXTERNAL, product, "", "", product)

    def internal_recipe(self, product: str, digest: str, serial: int) -> Any:
        """What the station calls the recipe: one bundle of a product. An empty id if there is no bundle."""
        if not digest:
            return self._hashed(_RECIPE_INTERNAL, "", "", "", "")
        version = str(serial) if serial else ""
        return self._hashed(_RECIPE_INTERNAL, recipe_id(product, digest), version, digest, product)

    def recipe(self, recipe: Recipe | None) -> Any:
        """The same for a recipe of the catalogue; an empty id for none."""
        if recipe is None:
            return self.internal_recipe("", "", 0)
        return self.internal_recipe(recipe.product, recipe.digest, recipe.serial)

    def configuration(self, *, external: bool = False) -> Any:
        """What the configuration is called; an empty id for an external one: nobody else gives configurations names."""
        return self._hashed(_CONFIGURATION, "" if external else self._configuration, "", "", "")

    def times(self, record: Record) -> Any:
        """When the part was processed, and how long the parts of it took."""
        end = _time(record.at)
        return self._make(
            _TIMES,
            StartTime=end - datetime.timedelta(milliseconds=record.total_ms),
            EndTime=end,
            AcquisitionDuration=record.grab_ms,
            ProcessingDuration=record.judge_ms,
        )

    def content(self, record: Record) -> list[ua.Variant]:
        """Verdict, score, threshold, p value and regions; a score that is not known is not a number."""
        numbers = (record.score, record.threshold, record.p_value)
        regions = [edge for region in record.regions for edge in region]
        return [
            ua.Variant(record.verdict, ua.VariantType.String),
            *(ua.Variant(number, ua.VariantType.Double) for number in numbers),
            ua.Variant(regions, ua.VariantType.Int32, Dimensions=[len(record.regions), 4], is_array=True),
        ]

    def fields(self, record: Record) -> dict[str, Any]:
        """All fields of a result, by their names."""
        return {
            "ResultId": self.result_id(record),
            "HasTransferableDataOnFile": False,
            "IsPartial": False,
            "IsSimulated": record.simulated,
            "ResultState": int(record.state),
            "MeasId": self.meas_id(record),
            "PartId": self.part_id(record),
            "ExternalRecipeId": self.external_recipe(record.product),
            "InternalRecipeId": self.internal_recipe(record.product, record.bundle, record.serial),
            "ProductId": self.product_id(record.product),
            "ExternalConfigurationId": self.configuration(external=True),
            "InternalConfigurationId": self.configuration(),
            "JobId": self.job_id(record),
            "CreationTime": _time(record.at),
            "ProcessingTimes": self.times(record),
            "ResultContent": self.content(record),
        }

    def result(self, record: Record) -> Any:
        """A result."""
        return self._make(_RESULT, **self.fields(record))

    def results(self, records: Sequence[Record]) -> list[Any]:
        """Several results."""
        return [self.result(record) for record in records]

    def _hashed(self, number: int, name: str, version: str, digest: str, description: str) -> Any:
        return self._make(
            number,
            Id=name,
            Version=version,
            Hash=bytes.fromhex(digest),
            HashAlgorithm=_HASHED_BY if digest else "",
            Description=_text(description),
        )


def _text(text: str) -> ua.LocalizedText:
    return ua.LocalizedText(text, "")


def _time(at: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(at, datetime.timezone.utc)
