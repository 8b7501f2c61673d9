"""Small files of demand in the formats of others, of the same structure as public ones."""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
from collections.abc import Mapping

LIST = "slot,source,target,rate\n0,a,b,1.5\n0,b,a,0.5\n1,a,c,2\n3,b,c,4\n"
TIMES = (
    "# from a collector\nTimestamp;src;dst;bytes;site\n"
    "2004-03-01T00:00:00Z;a;b;3000;x\n2004-03-01T00:05:00Z;a;b;6000;x\n"
    "2004-03-01T00:05:00Z;b;c;750;y\n"
)
REQUESTS = "id,arrival,holding,source,destination,bandwidth\n1,0,90,a,b,4\n2,30,60,b,c,8\n"
#: As examples of XLRON have them.
UNTIMED = "source,bandwidth,destination\na,1,b\na,1,c\na,1,b\n"
WIDE = "a_b,a_c,c_b\n1200,0,300\n1500,100,400\n"
#: Without names, as traffic matrices of DeepRMSA have it.
SQUARE = "0,2,1\n2,0,3\n1,3,0\n"
#: A matrix in each row, five values of each pair, as the Abilene matrices of 2004 have them.
X01 = "".join(
    " ".join(f"{100 * slot + pair} 9 9 9 9" for pair in range(9)) + "\n" for slot in range(2)
)
SNDLIB_XML = """<?xml version="1.0" encoding="UTF-8"?>
<network xmlns="http://sndlib.zib.de/network" version="1.0">
 <meta><granularity>5min</granularity><time>{time}</time><unit>MBITPERSEC</unit></meta>
 <networkStructure><nodes coordinatesType="geographical">
  <node id="a"><coordinates><x>1.0</x><y>50.0</y></coordinates></node>
  <node id="b"><coordinates><x>2.0</x><y>50.0</y></coordinates></node>
 </nodes><links></links></networkStructure>
 <demands>
  <demand id="a_b"><source>a</source><target>b</target><demandValue>{ab}</demandValue></demand>
  <demand id="b_a"><source>b</source><target>a</target><demandValue>1.25</demandValue></demand>
 </demands>
</network>
"""
SNDLIB_NATIVE = """?SNDlib native format; type: network; version: 1.0
# network demandMatrix

META (
  granularity = 5min
  time = {time}
  unit = MBITPERSEC
)
NODES (
  a ( 1.0 50.0 )
  b ( 2.0 50.0 )
)
LINKS (
)
DEMANDS (
  a_b ( a b ) 1 {ab} UNLIMITED
  b_a ( b a ) 1 1.25 UNLIMITED
)
"""
TOTEM = """<?xml version="1.0" encoding="UTF-8"?>
<TrafficMatrixFile><info><units><unit type="bandwidth" value="kbps"/></units></info>
<IntraTM ASID="20965">
 <src id="12"><dst id="12">7.5</dst><dst id="13">25871.3956</dst></src>
 <src id="13"><dst id="12">100.5</dst></src>
</IntraTM></TrafficMatrixFile>
"""
REPETITA = "DEMANDS 2\nlabel src dest bw\ndemand_0 0 1 30036\ndemand_1 1 2 500\n"
NET2PLAN = """<?xml version="1.0" encoding="UTF-8"?>
<network version="5"><node id="0" name="a"/><node id="1" name="b"/>
<layer id="0"><link id="2" originNodeId="0" destinationNodeId="1" lengthInKm="10"/>
<demand id="3" ingressNodeId="0" egressNodeId="1" offeredTraffic="12.5"/></layer></network>
"""
NODE_LINK = '{"graph": {"demands": {"0": {"1": 195.0, "2": 158.0}}}, "nodes": [], "edges": []}'


def sndlib(text: str, time: str = "20040301-0000", ab: float = 2.5) -> str:
    """An SNDlib file of one time."""
    return text.format(time=time, ab=ab)


def dynamic(text: str, suffix: str) -> dict[str, str]:
    """Three times of SNDlib; one between them is missing."""
    return {
        f"demandMatrix-abilene-zhang-5min-20040301-{time}.{suffix}": sndlib(
            text, f"20040301-{time}", rate
        )
        for time, rate in (("0000", 1.0), ("0005", 2.0), ("0015", 3.0))
    }


def zipped(files: Mapping[str, str]) -> bytes:
    """A zip archive."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(zipfile.ZipInfo(name, (2004, 3, 1, 0, 0, 0)), text)
    return out.getvalue()


def tarred(files: Mapping[str, str]) -> bytes:
    """A packed tar archive."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))
    return gzip.compress(out.getvalue(), mtime=0)
