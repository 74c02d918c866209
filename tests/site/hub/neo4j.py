"""A stand-in for Neo4j: its transactional endpoint over HTTP with the statements that runbooks and hub send, and its data as JSON."""

import base64
import json
import pathlib
import sys
import time

from served import Handler, serve

GRAPH, PASSWORD, LOCKED = pathlib.Path("/data/graph.json"), pathlib.Path("/data/auth"), pathlib.Path("/data/store_lock")
DAY = 24 * 3600 * 1000
OLD = "MATCH (l:LogEntry) WHERE l.timestamp < timestamp() - ($days * 24 * 3600 * 1000) "
last = [0.0]


def is_old(node, days):
    return node["label"] == "LogEntry" and node["timestamp"] < time.time() * 1000 - days * DAY


def run(statement, parameters):
    """The rows of a statement. What is not one of these is an error, as a mistake in Cypher is."""
    nodes = json.loads(GRAPH.read_text())
    if statement == "RETURN 1":
        return [[1]]
    if statement == "MATCH (n) RETURN count(n) AS nodeCount":
        return [[len(nodes)]]
    if statement.startswith("MATCH (n:") and statement.endswith(") RETURN count(n)"):
        label = statement.removeprefix("MATCH (n:").removesuffix(") RETURN count(n)")
        return [[sum(node["label"] == label for node in nodes)]]
    if statement == OLD + "RETURN count(l)":
        return [[sum(is_old(node, parameters["days"]) for node in nodes)]]
    if statement == OLD + "DETACH DELETE l":
        GRAPH.write_text(json.dumps([node for node in nodes if not is_old(node, parameters["days"])]))
        return []
    if statement.startswith("CALL dbms.queryJmx('org.neo4j:instance=kernel#0,name=Store sizes')"):
        return [[{"TotalStoreSize": {"value": GRAPH.stat().st_size}}]]
    if statement == "CALL db.indexes() YIELD label, properties, state WHERE state = 'POPULATING' RETURN *":
        return []
    if statement == "CALL db.stats.retrieve('GRAPH COUNTS')":
        return [["GRAPH COUNTS", {"nodes": [{"count": len(nodes)}]}]]
    raise ValueError(f"Neo.ClientError.Statement.SyntaxError: {statement}")


class Graph(Handler):
    def get(self):
        if self.path == "/metrics":
            return 200, f"neo4j_cypher_execution_time_seconds {last[0]}\nneo4j_connections_active 1\n"
        return 200, {"neo4j_version": "4.4.0"}

    def post(self, body):
        expected = base64.b64encode(b"neo4j:" + PASSWORD.read_bytes().strip()).decode()
        if self.headers.get("authorization") != f"Basic {expected}":
            return 401, {"errors": [{"code": "Neo.ClientError.Security.Unauthorized", "message": "Invalid credential."}]}
        results, began = [], time.monotonic()
        try:
            for asked in body["statements"]:
                rows = run(" ".join(asked["statement"].split()), asked.get("parameters", {}))
                results.append({"columns": [], "data": [{"row": row} for row in rows]})
        except (OSError, ValueError) as error:
            return 200, {"results": [], "errors": [{"code": "Neo.DatabaseError", "message": str(error)}]}
        last[0] = time.monotonic() - began
        return 200, {"results": results, "errors": []}


# It is known for being slow to start.
time.sleep(2)
if LOCKED.exists():
    sys.exit("error: the store is locked by another process")
serve(7474, Graph)
