"""A stand-in for Route 53: `route53.py ZONES`, a file of JSON: {ID: {"name": "example.com.", "records": […]}}.

It prints its port. It verifies every signature, takes a batch of changes as a whole or not at all, refuses what Route 53
refuses, and lets a change be pending before it is in sync. KEYS in the environment are `ID:SECRET:RIGHTS`, as for S3.
The file is what the name servers answer from: a change is written to it once it is in sync.
"""

import ipaddress
import json
import os
import pathlib
import re
import sys
import uuid
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock
from urllib.parse import parse_qsl
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from sigv4 import Refused, verify

SPACE = "https://route53.amazonaws.com/doc/2013-04-01/"
TYPES = {"A", "AAAA", "CNAME", "MX", "NS", "SOA", "SRV", "TXT", "CAA", "PTR"}
# In this order the interface wants and gives the parts of a record set.
SIMPLE = ["SetIdentifier", "Weight", "Region", "Failover", "MultiValueAnswer", "TTL", "HealthCheckId"]
ROUTING = ["Weight", "Region", "Failover", "MultiValueAnswer"]
LOOKS = 2
FILE = pathlib.Path(sys.argv[1])
KEYS = {key: (secret, rights) for key, secret, rights in (each.split(":") for each in os.environ["KEYS"].split())}
SECRETS = {key: secret for key, (secret, _) in KEYS.items()}
zones = json.loads(FILE.read_text())
changes = {}
lock = Lock()


def of(element, name):
    found = element.find(f"{{{SPACE}}}{name}")
    return None if found is None else (found.text or "")


def record_of(element):
    """A record set as the command line shows it."""
    record = {name: of(element, name) for name in ["Name", "Type", *SIMPLE] if of(element, name) is not None}
    for name in ("Weight", "TTL"):
        if name in record:
            if not re.fullmatch(r"\d+", record[name]):
                raise Refused(400, "InvalidInput", f"{name} must be a number.")
            record[name] = int(record[name])
    values = element.findall(f"{{{SPACE}}}ResourceRecords/{{{SPACE}}}ResourceRecord")
    if values:
        record["ResourceRecords"] = [{"Value": of(value, "Value")} for value in values]
    alias = element.find(f"{{{SPACE}}}AliasTarget")
    if alias is not None:
        record["AliasTarget"] = {name: of(alias, name) for name in ("HostedZoneId", "DNSName", "EvaluateTargetHealth")}
        record["AliasTarget"]["EvaluateTargetHealth"] = record["AliasTarget"]["EvaluateTargetHealth"] == "true"
    known = {"Name", "Type", "ResourceRecords", "AliasTarget", *SIMPLE}
    strange = [part.tag for part in element if part.tag.removeprefix(f"{{{SPACE}}}") not in known]
    if strange:
        raise Refused(400, "MalformedInput", f"Unexpected element {strange[0]}")
    record["Name"] = dotted(record.get("Name", ""))
    return record


def dotted(name):
    return name.lower().rstrip(".") + "."


def same(one, other):
    return all(one.get(part) == other.get(part) for part in ("Name", "Type", "SetIdentifier"))


def shown(record):
    identifier = f", set identifier='{record['SetIdentifier']}'" if "SetIdentifier" in record else ""
    return f"[name='{record['Name']}', type='{record['Type']}'{identifier}]"


def wrong(record, zone):
    """What is wrong with a record set by itself."""
    routing = [part for part in ROUTING if part in record]
    if not record["Name"].endswith(zone["name"]) or f".{record['Name']}".find(f".{zone['name']}") < 0:
        yield f"RRSet with DNS name {record['Name']} is not permitted in zone {zone['name']}"
    if record.get("Type") not in TYPES:
        yield f"The record type {record.get('Type')} is not known"
    if len(routing) > 1:
        yield f"A record set has one routing policy, and {shown(record)} has {' and '.join(routing)}"
    if ("SetIdentifier" in record) != bool(routing):
        yield f"Missing or needless set identifier in {shown(record)}"
    if not 0 <= record.get("Weight", 0) <= 255:
        yield f"The weight of {shown(record)} must be from 0 to 255"
    if record.get("Failover", "PRIMARY") not in ("PRIMARY", "SECONDARY"):
        yield f"The failover of {shown(record)} must be PRIMARY or SECONDARY"
    values = [value["Value"] for value in record.get("ResourceRecords", [])]
    if "AliasTarget" in record:
        if values or "TTL" in record:
            yield f"An alias such as {shown(record)} has neither values nor a TTL"
        if not all(record["AliasTarget"].get(part) not in (None, "") for part in ("HostedZoneId", "DNSName")):
            yield f"The alias {shown(record)} lacks a part"
    elif not values or "TTL" not in record:
        yield f"{shown(record)} needs a TTL and values, or an alias target"
    if record.get("Type") == "CNAME" and (len(values) > 1 or record["Name"] == zone["name"]):
        yield f"RRSet of type CNAME with DNS name {record['Name']} is not permitted"
    for value in values if record.get("Type") in ("A", "AAAA") else []:
        try:
            fits = ipaddress.ip_address(value).version == (4 if record["Type"] == "A" else 6)
        except ValueError:
            fits = False
        if not fits:
            yield f"Invalid Resource Record: '{value}' is not an address of type {record['Type']}"


def change(records, action, record, zone):
    """Does one change to a copy of the records, or says why not."""
    there = next((known for known in records if same(known, record)), None)
    beside = [known for known in records if known["Name"] == record["Name"] and not same(known, record)]
    if action not in ("CREATE", "DELETE", "UPSERT"):
        yield f"The action {action} is not known"
    elif action == "DELETE":
        if there is None:
            yield f"Tried to delete resource record set {shown(record)} but it was not found"
        elif there != record:
            yield f"Tried to delete resource record set {shown(record)} but the values provided do not match the current values"
        else:
            records.remove(there)
    elif action == "CREATE" and there is not None:
        yield f"Tried to create resource record set {shown(record)} but it already exists"
    else:
        errors = list(wrong(record, zone))
        kinds = {"CNAME"} & {known["Type"] for known in [*beside, record]}
        if kinds and any(known["Type"] != record["Type"] for known in beside):
            errors.append(f"RRSet of type {record['Type']} with DNS name {record['Name']} conflicts with other records")
        routing = lambda it: [part for part in ROUTING if part in it]  # noqa: E731
        alike = [known for known in beside if known["Type"] == record["Type"]]
        if any(routing(known) != routing(record) for known in alike):
            errors.append(f"RRSet with DNS name {record['Name']} has another routing policy than the others of its name")
        yield from errors
        if not errors:
            records[:] = [known for known in records if not same(known, record)] + [record]


def apply(zone, body):
    """Takes a batch as a whole, or refuses it with all that is wrong."""
    try:
        root = ElementTree.fromstring(body)
    except ElementTree.ParseError:
        raise Refused(400, "MalformedInput", "The request is no XML.") from None
    if root.tag != f"{{{SPACE}}}ChangeResourceRecordSetsRequest":
        raise Refused(400, "MalformedInput", "Unexpected root element.")
    asked = root.findall(f"{{{SPACE}}}ChangeBatch/{{{SPACE}}}Changes/{{{SPACE}}}Change")
    if not 1 <= len(asked) <= 1000:
        raise Refused(400, "MalformedInput", "A batch has from 1 to 1000 changes.")
    records, errors = [dict(record) for record in zone["wanted"]], []
    for each in asked:
        element = each.find(f"{{{SPACE}}}ResourceRecordSet")
        if element is None:
            raise Refused(400, "MalformedInput", "A change needs a ResourceRecordSet.")
        errors += change(records, of(each, "Action"), record_of(element), zone)
    if errors:
        raise Refused(400, "InvalidChangeBatch", f"[{', '.join(errors)}]")
    zone["wanted"] = records


def xml(record):
    parts = [f"<{name}>{escape(str(record[name]))}</{name}>" for name in ("Name", "Type") + tuple(SIMPLE) if name in record]
    if "ResourceRecords" in record:
        values = [f"<ResourceRecord><Value>{escape(value['Value'])}</Value></ResourceRecord>" for value in record["ResourceRecords"]]
        parts.append(f"<ResourceRecords>{''.join(values)}</ResourceRecords>")
    if "AliasTarget" in record:
        alias = {**record["AliasTarget"], "EvaluateTargetHealth": str(record["AliasTarget"]["EvaluateTargetHealth"]).lower()}
        parts.append("<AliasTarget>" + "".join(f"<{name}>{escape(value)}</{name}>" for name, value in alias.items()) + "</AliasTarget>")
    return f"<ResourceRecordSet>{''.join(parts)}</ResourceRecordSet>"


def in_order(records):
    # As the interface does: by the labels of the name from the right, then type, then identifier.
    return sorted(records, key=lambda it: (it["Name"].split(".")[::-1], it["Type"], it.get("SetIdentifier", "")))


def look(name):
    """One look at a change: pending at first, in sync at the second look, when the name servers have it."""
    it = changes.get(name)
    if it is None:
        raise Refused(404, "NoSuchChange", f"No change found with ID: {name}")
    it["looks"] += 1
    if it["looks"] == LOOKS:
        it["zone"]["records"] = it["records"]
        published()
    return it


def published():
    told = {key: {"name": zone["name"], "records": in_order(zone["records"])} for key, zone in zones.items()}
    fresh = FILE.with_suffix(".new")
    fresh.write_text(json.dumps(told, indent=1))
    fresh.replace(FILE)


def info(name, it):
    status = "INSYNC" if it["looks"] >= LOOKS else "PENDING"
    return f"<ChangeInfo><Id>/change/{name}</Id><Status>{status}</Status><SubmittedAt>{it['at']}</SubmittedAt></ChangeInfo>"


class Route53(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def handle_request(self):
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(int(headers.get("content-length", 0)))
        try:
            who = verify("route53", "us-east-1", SECRETS, self.command, self.path, headers, body)
            path, _, query = self.path.partition("?")
            parts = path.removeprefix("/2013-04-01/").rstrip("/").split("/")
            if ("w" if self.command == "POST" else "r") not in KEYS[who][1]:
                raise Refused(403, "AccessDenied", f"User: {who} is not authorized to perform this operation")
            with lock:
                root, told = self.answered(parts, dict(parse_qsl(query)), body)
            self.answer(200, f'<{root} xmlns="{SPACE}">{told}</{root}>')
        except Refused as it:
            self.refuse(it)

    do_GET = do_POST = handle_request

    def answered(self, parts, query, body):
        if self.command == "GET" and parts[0] == "change" and len(parts) == 2:
            return "GetChangeResponse", info(parts[1], look(parts[1]))
        if parts[0] != "hostedzone" or len(parts) not in (2, 3):
            raise Refused(501, "NotImplemented", "This is not implemented here.")
        zone = zones.get(parts[1])
        if zone is None:
            raise Refused(404, "NoSuchHostedZone", f"No hosted zone found with ID: {parts[1]}")
        if self.command == "GET" and len(parts) == 2:
            told = f"<Id>/hostedzone/{parts[1]}</Id><Name>{zone['name']}</Name><CallerReference>test</CallerReference>"
            return "GetHostedZoneResponse", f"<HostedZone>{told}</HostedZone>"
        if self.command == "GET" and parts[2] == "rrset":
            return "ListResourceRecordSetsResponse", listed(zone, query)
        if self.command == "POST" and parts[2] == "rrset":
            apply(zone, body)
            name = "C" + uuid.uuid4().hex[:20].upper()
            at = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.000Z")
            changes[name] = {"looks": 0, "at": at, "zone": zone, "records": zone["wanted"]}
            return "ChangeResourceRecordSetsResponse", info(name, changes[name])
        raise Refused(501, "NotImplemented", "This is not implemented here.")

    def refuse(self, it):
        kind = "Sender" if it.status < 500 else "Receiver"
        told = f"<Error><Type>{kind}</Type><Code>{it.code}</Code><Message>{escape(it.message)}</Message></Error>"
        return self.answer(it.status, f'<ErrorResponse xmlns="{SPACE}">{told}<RequestId>{uuid.uuid4()}</RequestId></ErrorResponse>')

    def answer(self, status, body):
        body = f'<?xml version="1.0"?>\n{body}'.encode()
        self.send_response(status)
        self.send_header("content-type", "text/xml")
        self.send_header("content-length", str(len(body)))
        self.send_header("x-amzn-requestid", str(uuid.uuid4()))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def listed(zone, query):
    start = (dotted(query["name"]).split(".")[::-1], query.get("type", ""), query.get("identifier", "")) if "name" in query else None
    records = in_order(zone["wanted"])
    if start:
        records = [it for it in records if (it["Name"].split(".")[::-1], it["Type"], it.get("SetIdentifier", "")) >= start]
    most = min(int(query.get("maxitems", 300)), 300)
    rest, records = records[most:], records[:most]
    told = f"<ResourceRecordSets>{''.join(map(xml, records))}</ResourceRecordSets><IsTruncated>{str(bool(rest)).lower()}</IsTruncated>"
    if rest:
        told += f"<NextRecordName>{rest[0]['Name']}</NextRecordName><NextRecordType>{rest[0]['Type']}</NextRecordType>"
        if "SetIdentifier" in rest[0]:
            told += f"<NextRecordIdentifier>{escape(rest[0]['SetIdentifier'])}</NextRecordIdentifier>"
    return f"{told}<MaxItems>{most}</MaxItems>"


if __name__ == "__main__":
    for zone in zones.values():
        zone["wanted"] = zone["records"]
    server = ThreadingHTTPServer(("127.0.0.1", 0), Route53)
    print(server.server_port, flush=True)
    server.serve_forever()
