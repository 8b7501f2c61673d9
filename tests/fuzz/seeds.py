"""Valid inputs to begin with: small ones in the tree, larger ones made at the start.

``python -m tests.fuzz.seeds`` writes the ones in the tree. Beside them stand inputs that once did
harm, which are kept.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import networkx

from tests.support import ROOT, traffic

CORPUS = Path(__file__).parent / "corpus"

RATES = "distance_km,rate_bps\n0,5000\n50,3000\n100,1000\n150,120\n"
DEMAND = "slot,source,target,rate\n0,a,b,1000\n0,a,c,500\n1,a,b,2000\n3,b,c,0\n"
SWEEP = """
scenario = "tiny.toml"
policies = ["evf", "level:level=1"]
replications = 3
design = "list"
set.run.slots = 4
[[factor]]
key = "cost.on_demand_multiplier"
values = [1.0, 2.0]
[[factor]]
key = "policy.level-level1.level"
low = 1
high = 2
count = 2
[stopping]
half_width = 0.5
block = 2
"""
TASK = """
[[fel]]
dataset = "iris"
owner = "a"
head = "b"
workers = ["c"]
rounds = 2
"""

#: What a task may have beside its parties, of either kind.
TASKS = """
[run]
slots = 6
[network]
topology = "nsfnet"
[demand]
requests = 4
[[fel]]
dataset = "wine"
owner = "1"
head = ["6"]
workers = [["3", "8"]]
rounds = 2
optimiser = "conjugate_gradients"
standardise = true
intercept = true
l2 = 0.1
test_share = 0.25
worker_dropout = 0.3
pad_ciphertexts = true
[fel.privacy]
avoid = "readers"
scores = "encrypted"
label_epsilon = 2.0
[[fel.attack]]
kind = "drop"
purpose = "scores"
share = 0.5
[[fel]]
kind = "horizontal"
dataset = "iris"
owner = "2"
head = "5"
workers = ["4", "7", "9"]
rounds = 2
local_steps = 3
[[fel.attack]]
kind = "replay"
source = "4"
[[policy]]
name = "evf"
"""
OWN_DATA = """id,site,f0,f1,note,verdict
p0,a,1.5,-3,x,good
p1,b,2,0.25,,bad
p2,a,-1e3,7,"y, z",good
p3,b,0,1,,bad
p4,a,12,1e-9,,"good"
"""


@dataclass(frozen=True)
class Home:
    """A folder of valid files of every kind.

    Attributes
    ----------
    folder : Path
        Absolute.
    """

    folder: Path

    def __truediv__(self, name: str) -> Path:
        return self.folder / name

    @property
    def scenario(self) -> Path:
        """The scenario that all its files belong to."""
        return self / "tiny.toml"


def make_home(folder: Path) -> Home:
    """Write a valid file of every kind into a folder; those that are there stay."""
    folder.mkdir(parents=True, exist_ok=True)
    home = Home(folder.resolve())
    if (home / "done").exists():
        return home
    for name in ("tiny.toml", "tiny.csv"):
        shutil.copy(ROOT / "scenarios" / name, home / name)
    text = home.scenario.read_text("utf-8")
    home.scenario.write_text(text.replace("replications = 10", "replications = 2"), "utf-8")
    (home / "fel.toml").write_text(text + TASK, "utf-8")
    (home / "rates.csv").write_text(RATES)
    (home / "study.toml").write_text(SWEEP)
    (home / "demand.csv").write_text(DEMAND)
    shutil.copy(ROOT / "models/fedsac-nsfnet.safetensors", home / "weights.safetensors")
    shutil.copy(ROOT / "models/fedsac-nsfnet.h5", home / "curve.h5")
    _make_runs(home)
    _make_sweep(home)
    _make_demand(home / "demand.h5")
    (home / "done").touch()
    return home


def _make_runs(home: Home) -> None:
    """Traces, a world and a plan."""
    from qnetsim.case import load, open_case
    from qnetsim.plans.make import make_plan
    from qnetsim.plans.storage import save_plan
    from qnetsim.replay.record import record_world
    from qnetsim.runs.simulate import simulate
    from qnetsim.scenario import PolicyTable

    scenario = load(home.scenario)
    sip = PolicyTable(name="sip")
    simulate(scenario, sip, home / "trace.h5")
    simulate(scenario, PolicyTable(name="random"), home / "other.h5")
    record_world(open_case(scenario), home / "world.h5")
    save_plan(make_plan(scenario, sip), scenario, sip, home / "plan.h5")
    outages = load(ROOT / "scenarios" / "outages.toml", slots=8)
    simulate(outages, PolicyTable(name="evf"), home / "outages.h5")


def _make_sweep(home: Home) -> None:
    """The manifest of a sweep."""
    from qnetsim.studies.sweep.work import plan_sweep

    plan_sweep(home / "study.toml", home / "sweep")
    shutil.copy(home / "sweep" / "manifest.jsonl", home / "manifest.jsonl")


def _make_demand(path: Path) -> None:
    import h5py

    with h5py.File(path, "w") as file:
        for name, values in (
            ("slot", [0, 0, 1, 3]),
            ("rate", [1000.0, 500.0, 2000.0, 0.0]),
            ("source", ["a", "a", "a", "b"]),
            ("target", ["b", "c", "b", "c"]),
        ):
            file.create_dataset(name, data=values, chunks=(2,), compression="gzip")


def foreign_texts() -> dict[str, str]:
    """The same network in formats of others."""
    nodes = "".join(
        f'<node id="{n}"><coordinates><x>{n}.5</x><y>50</y></coordinates></node>' for n in (1, 2, 3)
    )
    links = "".join(
        f'<link id="L{a}"><source>{a}</source><target>{b}</target>'
        f"<setupCost>{km}</setupCost></link>"
        for a, b, km in ((1, 2, 100), (2, 3, 200.5))
    )
    design = "".join(f'<node id="{n}" xCoord="{n}.5" yCoord="50" name="N{n}"/>' for n in (1, 2, 3))
    design += '<layer id="0" isDefaultLayer="true">' + "".join(
        f'<link id="{i}" originNodeId="{a}" destinationNodeId="{b}" lengthInKm="{km}"/>'
        for i, (a, b, km) in enumerate(((1, 2, 100), (2, 1, 100), (2, 3, 200.5), (3, 2, 200.5)), 10)
    )
    zoo = (
        'graph [\n directed 0\n multigraph 1\n node [ id 0 label "A" Latitude 50 Longitude 8 ]\n'
        ' node [ id 1 label "B" Latitude 51.0 Longitude 8.5 ]\n edge [ source 0 target 1 id "e0" '
        'LinkLabel "x" dist "80 km" ]\n edge [ source 0 target 1 id "e1" length 95.5 ]\n]\n'
    )
    return {
        "topology_sndlib/tiny.xml": (
            '<network xmlns="http://sndlib.zib.de/network" version="1.0"><networkStructure>'
            f'<nodes coordinatesType="geographical">{nodes}</nodes><links>{links}</links>'
            "</networkStructure></network>\n"
        ),
        "topology_net2plan/tiny.n2p": f'<network version="5">{design}</layer></network>\n',
        "topology_text/list.txt": "# three nodes\n3\n2\n1 2 100\n2 3 200.5\n",
        "topology_text/native.txt": (
            "?SNDlib native format; type: network; version: 1.0\nNODES (\n A ( 8.0 50.0 )\n"
            " B ( 9.0 51.0 )\n)\nLINKS (\n L1 ( A B ) 0.00 0.00 0.00 120.00 ( 40.00 1.00 )\n)\n"
        ),
        "topology_gml/zoo.gml": zoo,
    }


def topology_texts() -> dict[str, str]:
    """Three nodes and two fibres in every format."""
    graph = networkx.Graph()
    graph.add_edge("a", "b", length_km=100.0)
    graph.add_edge("b", "c", length_km=200.5)
    nodes = '"nodes": [{"id": "a"}, {"id": "b"}, {"id": "c"}]'
    edges = (
        '{"source": "a", "target": "b", "length_km": 100.0}, '
        '{"source": "b", "target": "c", "dist": 200.5}'
    )
    return {
        **foreign_texts(),
        "topology_csv/tiny.csv": (ROOT / "scenarios" / "tiny.csv").read_text("utf-8"),
        "topology_json/tiny.json": f'{{"directed": false, {nodes}, "edges": [{edges}]}}\n',
        "topology_graphml/tiny.graphml": "\n".join(networkx.generate_graphml(graph)) + "\n",
        "topology_gml/tiny.gml": "\n".join(networkx.generate_gml(graph)) + "\n",
        "topohub_name/abilene.txt": "sndlib/abilene",
        "rate_table/rates.csv": RATES,
        "demand_csv/demand.csv": DEMAND,
        "means/means.csv": "source,target,mean\na,b,1.5\nb,c,2\n",
        "sweep_file/study.toml": SWEEP,
    }


def traffic_texts() -> dict[str, str]:
    """Demand in formats of others."""
    return {
        "traffic_list/list.csv": traffic.LIST,
        "traffic_wide/wide.csv": traffic.WIDE,
        "traffic_requests/requests.csv": traffic.REQUESTS,
        "traffic_sndlib_xml/net.xml": traffic.sndlib(traffic.SNDLIB_XML),
        "traffic_sndlib_native/net.txt": traffic.sndlib(traffic.SNDLIB_NATIVE),
        "traffic_totem/tm-2005-01-01-00-30.xml": traffic.TOTEM,
        "traffic_repetita/tm.txt": traffic.REPETITA,
        "traffic_net2plan/net.xml": traffic.NET2PLAN,
        "traffic_node_link/net.json": traffic.NODE_LINK,
    }


def scenario_texts() -> dict[str, str]:
    """The shipped scenarios that are small, and federated tasks."""
    names = ("tiny", "outages", "stores", "regimes", "heterogeneous", "fel")
    texts = {n: (ROOT / "scenarios" / f"{n}.toml").read_text("utf-8") for n in names}
    texts["tasks"] = TASKS
    return {f"scenario/{name}.toml": text for name, text in texts.items()}


#: A line for each command that it accepts.
LINES = (
    *("compare tiny.toml --slots 3 --replications 1 -p evf", "demand tiny.toml", "policies --json"),
    *(
        "diff trace.h5 other.h5",
        "fel fel.toml --budget",
        "inspect trace.h5",
        "plan tiny.toml -p evf",
    ),
    *("rates tiny.toml", "replay world.h5 -p evf", "report trace.h5 curve.h5", "reproduce fig4 -h"),
    *(
        "replay trace.h5 --from-slot 3 --set a-b:qkd_channels=1 --for 2",
        "compare trace.h5 other.h5",
    ),
    *(
        "replay demand.csv --scenario tiny.toml --rate-unit bps --slot-s 1 -p evf",
        "run tiny.toml -p sip",
    ),
    *("run tiny.toml --plan plan.h5 -o new.h5", "scenario check tiny.toml", "spacing tiny.toml"),
    *(
        "scenario schema",
        "topologies nsfnet",
        "train tiny.toml -p decppo -h",
        "verify trace.h5 --topology tiny.csv",
    ),
    *(
        "compare world.h5 -p random",
        "diff plan.h5 plan.h5",
        "inspect plan.h5",
        "verify world.h5 --no-rerun",
        "network convert tiny.csv --out new.csv",
        "demand import demand.csv --rate-unit bps --slot-s 1 -o new.csv",
        "sweep plan study.toml --no-estimate",
    ),
)


def command_lines() -> dict[str, str]:
    """Command lines as JSON, one for each line above."""
    found = {}
    for number, line in enumerate(LINES):
        words = line.split()
        found[f"command_{words[0]}/line-{number:02d}.json"] = json.dumps(words)
    return found


def write_corpus(corpus: Path = CORPUS) -> None:
    """Write the inputs that are kept in the tree."""
    texts = topology_texts() | traffic_texts() | scenario_texts() | command_lines()
    texts["own_data/own.csv"] = OWN_DATA
    for place, text in texts.items():
        path = corpus / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")


if __name__ == "__main__":
    write_corpus()
