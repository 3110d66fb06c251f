"""Results and recipes over OPC UA, asked for by an independent client (node-opcua)."""

from goodpart_station.codes import State
from opcua_station import BOOT, OpcuaSite, mes
from small_frames import draw_small


def test_try(tmp_path):
    site = OpcuaSite(tmp_path, names=("bar", "bolt"))
    with site.running(State.READY) as engine, mes(site.url) as peer:
        engine.trigger(None, part_id=7)
        site.camera.show(draw_small(1))
        event = peer.event("ResultReadyEventType")
        print(event)
        print(peer.ask(call="ResultManagement/GetResultById", **{"in": [["ResultIdDataType", {"id": f"{BOOT}-1"}], ["Int32", 0]]}))
        print(peer.ask(call="ResultManagement/GetResultComponentsById", **{"in": [["ResultIdDataType", {"id": f"{BOOT}-1"}], ["Int32", 0]]}))
        empty = [["Int32", 0], *[[f"{n}DataType", {"id": ""}] for n in ("MeasId", "PartId", "RecipeIdExternal", "RecipeIdInternal", "ConfigurationId", "ConfigurationId", "ProductId", "JobId")], ["UInt32", 0], ["UInt32", 0], ["Int32", 0]]
        print(peer.ask(call="ResultManagement/GetResultListFiltered", **{"in": empty}))
        print(peer.ask(call="RecipeManagement/GetRecipeListFiltered", **{"in": [None, None, ["Int32", 2], ["UInt32", 0], ["UInt32", 0], ["Int32", 0]]}))
        print(peer.ask(call="RecipeManagement/PrepareProduct", **{"in": [["ProductIdDataType", {"id": "bolt"}]]}))
        print(peer.event("RecipePreparedEventType"))
