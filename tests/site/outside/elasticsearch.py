"""A stand-in for Elasticsearch 8: `elasticsearch.py`. It prints its port.

It keeps what `_bulk` brings, maps texts as Elasticsearch does by itself (words, and `NAME.keyword`), and answers searches,
counts and deletions by query, the health of the cluster, and the policies of index lifecycles. What it does not know in a
request it refuses, as the real one does.
"""

import fnmatch
import json
import re
import threading
import time
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
# What each phase of a lifecycle may do.
ACTIONS = {
    "hot": {"set_priority", "rollover", "forcemerge", "readonly", "shrink", "unfollow", "searchable_snapshot", "downsample"},
    "warm": {"set_priority", "allocate", "forcemerge", "readonly", "shrink", "unfollow", "migrate", "downsample"},
    "cold": {"set_priority", "allocate", "readonly", "searchable_snapshot", "unfollow", "migrate", "downsample"},
    "frozen": {"searchable_snapshot", "unfollow"},
    "delete": {"delete", "wait_for_snapshot"},
}
lock = threading.RLock()
indexes = {}
policies = {}


class Refused(Exception):
    def __init__(self, status, kind, reason, **more):
        super().__init__(reason)
        cause = {"type": kind, "reason": reason, **more}
        self.status, self.body = status, {"error": {"root_cause": [cause], **cause}, "status": status}


def parsing(reason):
    return Refused(400, "parsing_exception", reason, line=1, col=1)


def only(value, allowed, what):
    for key in value:
        if key not in allowed:
            raise parsing(f"[{what}] unknown field [{key}]")


def one(value, what):
    if not isinstance(value, dict) or len(value) != 1:
        raise parsing(f"[{what}] malformed query, expected one field")
    return next(iter(value.items()))


def flat(value, path=""):
    """Each field of a document with its values."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from flat(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for inner in value:
            yield from flat(inner, path)
    elif value is not None:
        yield path, value


def words(text):
    return re.findall(r"\w+", text.lower())


def is_date(value):
    return isinstance(value, str) and re.match(r"\d{4}-\d\d-\d\dT", value) is not None


def moment(value, now=None):
    """A date, or `now-1h`, in seconds."""
    now = now or datetime.now(timezone.utc)
    math = re.fullmatch(r"now(?:([-+])(\d+)([smhd]))?", value)
    if math:
        sign, count, unit = math.groups()
        shift = timedelta(seconds=int(count or 0) * UNITS[unit or "s"])
        return (now - shift if sign == "-" else now + shift).timestamp()
    try:
        return datetime.fromisoformat(value.replace("Z", "+00:00")).timestamp()
    except ValueError:
        raise Refused(400, "parse_exception", f"failed to parse date field [{value}]") from None


def values(document, field):
    """What a document holds in a field: words of a text, the whole of it for `.keyword`."""
    name, is_keyword = (field[: -len(".keyword")], True) if field.endswith(".keyword") else (field, False)
    found = [value for path, value in flat(document) if path == name]
    if is_keyword:
        return [value for value in found if isinstance(value, str) and len(value) <= 256 and not is_date(value)]
    return found


def matches(query, document):
    kind, rest = one(query, "query")
    if kind == "match_all":
        return True
    if kind == "bool":
        only(rest, {"must", "filter", "must_not", "should", "minimum_should_match"}, "bool")
        listed = lambda key: rest.get(key, []) if isinstance(rest.get(key, []), list) else [rest[key]]
        if not all(matches(each, document) for each in listed("must") + listed("filter")):
            return False
        if any(matches(each, document) for each in listed("must_not")):
            return False
        return not listed("should") or listed("must") or any(matches(each, document) for each in listed("should"))
    if kind == "exists":
        only(rest, {"field", "boost"}, "exists")
        return any(path == rest["field"] or path.startswith(rest["field"] + ".") for path, _ in flat(document))
    field, asked = one(rest, kind)
    if kind == "range":
        only(asked, {"gte", "gt", "lte", "lt", "format", "time_zone", "boost", "relation"}, "range")
        return any(within(value, asked) for value in values(document, field))
    if kind in ("term", "match_phrase"):
        if isinstance(asked, dict):
            asked = asked.get("value", asked.get("query"))
        return any(is_term(kind, value, asked, field) for value in values(document, field))
    raise parsing(f"unknown query [{kind}]")


def is_term(kind, value, asked, field):
    if not isinstance(value, str) or field.endswith(".keyword") or is_date(value):
        return value == asked
    if kind == "term":
        return str(asked) in words(value)
    return f" {' '.join(words(str(asked)))} " in f" {' '.join(words(value))} "


def within(value, asked):
    convert = moment if is_date(value) else float
    value = convert(value)
    bounds = {"gte": value.__ge__, "gt": value.__gt__, "lte": value.__le__, "lt": value.__lt__}
    return all(bounds[key](convert(bound)) for key, bound in asked.items() if key in bounds)


def chosen(pattern):
    found = [name for name in sorted(indexes) if any(fnmatch.fnmatch(name, each) for each in pattern.split(","))]
    if not found and not any(sign in pattern for sign in "*,") and pattern != "_all":
        raise Refused(404, "index_not_found_exception", f"no such index [{pattern}]", index=pattern)
    return found


def visible(pattern):
    now = time.monotonic()
    for name in chosen(pattern):
        documents = indexes[name]["documents"]
        for identity in [key for key, each in documents.items() if each["gone"] and each["gone"] <= now]:
            del documents[identity]
        yield from ((name, identity, each["source"]) for identity, each in sorted(documents.items()))


def found(pattern, body):
    query = body.get("query", {"match_all": {}})
    matches(query, {})  # What is wrong is refused without documents as well.
    return [each for each in visible(pattern) if matches(query, each[2])]


def search(pattern, body, params):
    only(body, {"query", "aggs", "aggregations", "size", "sort", "from", "_source", "track_total_hits"}, "search")
    size = int(params.get("size", body.get("size", 10)))
    if not 0 <= size <= 10000:
        raise Refused(400, "illegal_argument_exception", "Result window is too large")
    hits = found(pattern, body)
    total = {"value": min(len(hits), 10000), "relation": "eq" if len(hits) <= 10000 else "gte"}
    answer = {
        "took": 1,
        "timed_out": False,
        "_shards": {"total": len(chosen(pattern)), "successful": len(chosen(pattern)), "skipped": 0, "failed": 0},
    }
    keys = ordering(pattern, body.get("sort", []))
    for field, is_falling in reversed(keys):
        has, lacks = [], []
        for hit in hits:
            (has if values(hit[2], field) else lacks).append(hit)
        hits = sorted(has, key=lambda hit: max(values(hit[2], field)), reverse=is_falling) + lacks
    shown = [{"_index": name, "_id": key, "_score": None if keys else 1.0, "_source": source} for name, key, source in hits]
    answer["hits"] = {"total": total, "max_score": None if keys else 1.0, "hits": shown[:size]}
    aggregations = body.get("aggs", body.get("aggregations"))
    if aggregations is not None:
        answer["aggregations"] = {name: aggregate(each, [hit[2] for hit in hits]) for name, each in aggregations.items()}
    return answer


def ordering(pattern, sort):
    keys = []
    for each in sort:
        field, how = one(each, "sort") if isinstance(each, dict) else (each, {"order": "asc"})
        only(how, {"order", "mode", "missing", "unmapped_type", "format"}, "sort")
        if how.get("order", "asc") not in ("asc", "desc"):
            raise Refused(400, "illegal_argument_exception", f"No enum constant SortOrder.{how['order']}")
        for name in chosen(pattern):
            is_mapped = any(values(each["source"], field) for each in indexes[name]["documents"].values())
            if not is_mapped and "unmapped_type" not in how:
                raise Refused(400, "query_shard_exception", f"No mapping found for [{field}] in order to sort on")
        keys.append((field, how.get("order", "asc") == "desc"))
    return keys


def aggregate(asked, documents):
    kind, how = one(asked, "aggregation")
    field = how.get("field")
    if kind == "terms":
        only(how, {"field", "size", "order", "min_doc_count", "missing"}, "terms")
        counts = {}
        for document in documents:
            for value in set(values(document, field)):
                if isinstance(value, str) and not field.endswith(".keyword"):
                    reason = f"Fielddata is disabled on [{field}]. Please use a keyword field instead."
                    raise Refused(400, "illegal_argument_exception", reason)
                counts[value] = counts.get(value, 0) + 1
        ranked = sorted(counts.items(), key=lambda pair: (-pair[1], str(pair[0])))
        size = how.get("size", 10)
        other = sum(count for _, count in ranked[size:])
        buckets = [{"key": key, "doc_count": count} for key, count in ranked[:size]]
        return {"doc_count_error_upper_bound": 0, "sum_other_doc_count": other, "buckets": buckets}
    if kind == "date_histogram":
        only(how, {"field", "fixed_interval", "calendar_interval", "min_doc_count", "time_zone", "format"}, kind)
        step = re.fullmatch(r"(\d+)([smhd])", how.get("fixed_interval", ""))
        if not step:
            raise Refused(400, "illegal_argument_exception", "Required one of fields [fixed_interval]")
        width = int(step[1]) * UNITS[step[2]]
        slots = [int(moment(value) // width) for document in documents for value in values(document, field)]
        buckets = []
        for slot in range(min(slots), max(slots) + 1) if slots else []:
            at = datetime.fromtimestamp(slot * width, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.000Z")
            buckets.append({"key_as_string": at, "key": slot * width * 1000, "doc_count": slots.count(slot)})
        return {"buckets": buckets}
    raise parsing(f"Unknown aggregation type [{kind}]")


def delete_by_query(pattern, body, params):
    for name, value in params.items():
        allowed = {"conflicts": ("proceed", "abort"), "refresh": ("true", "false", ""), "wait_for_completion": ("true",)}
        if value not in allowed.get(name, ()):
            raise Refused(400, "illegal_argument_exception", f"request contains unrecognized parameter: [{name}={value}]")
    if "query" not in body:
        reason = "Validation Failed: 1: query is missing;"
        raise Refused(400, "action_request_validation_exception", reason)
    only(body, {"query", "max_docs", "slice"}, "delete_by_query")
    hits = found(pattern, body)
    is_seen = params.get("refresh") in ("true", "")
    for name, identity, _ in hits:
        indexes[name]["documents"][identity]["gone"] = time.monotonic() + (0 if is_seen else 1)
    counts = {"total": len(hits), "deleted": len(hits), "batches": min(len(hits), 1), "version_conflicts": 0, "noops": 0}
    retries = {"retries": {"bulk": 0, "search": 0}, "throttled_millis": 0, "requests_per_second": -1.0}
    return {"took": 1, "timed_out": False, **counts, **retries, "throttled_until_millis": 0, "failures": []}


def put_policy(name, body):
    only(body, {"policy"}, "put_lifecycle_request")
    policy = body.get("policy", {})
    only(policy, {"phases", "_meta", "deprecated"}, "lifecycle_policy")
    for phase, what in policy.get("phases", {}).items():
        if phase not in ACTIONS:
            raise Refused(400, "illegal_argument_exception", f"Timeseries lifecycle does not support phase [{phase}]")
        only(what, {"min_age", "actions"}, "phase")
        if not re.fullmatch(r"\d+(ms|micros|nanos|[smhd])", what.get("min_age", "0ms")):
            raise Refused(400, "illegal_argument_exception", f"failed to parse setting [min_age] [{what['min_age']}]")
        for action in what.get("actions", {}):
            if action not in ACTIONS[phase]:
                reason = f"invalid action [{action}] defined in phase [{phase}]"
                raise Refused(400, "illegal_argument_exception", reason)
        if phase == "delete" and "delete" in what.get("actions", {}):
            what["actions"]["delete"].setdefault("delete_searchable_snapshot", True)
    version = policies.get(name, {"version": 0})["version"] + 1
    stamp = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    policies[name] = {"version": version, "modified_date": stamp, "policy": policy}
    return {"acknowledged": True}


def get_policy(name):
    if name not in policies:
        reason = f"Lifecycle policy not found: {name}"
        raise Refused(404, "resource_not_found_exception", reason)
    users = [each for each, index in indexes.items() if index["lifecycle"] == name]
    return {name: {**policies[name], "in_use_by": {"indices": users, "data_streams": [], "composable_templates": []}}}


def put_settings(pattern, body):
    index = body.get("index", body)
    only(index, {"lifecycle"}, "settings")
    only(index.get("lifecycle", {}), {"name"}, "settings")
    for name in chosen(pattern):
        indexes[name]["lifecycle"] = index["lifecycle"]["name"]
    return {"acknowledged": True}


def get_settings(pattern):
    shown = lambda index: {"lifecycle": {"name": index["lifecycle"]}} if index["lifecycle"] else {}
    return {name: {"settings": {"index": shown(indexes[name])}} for name in chosen(pattern)}


def bulk(text):
    lines = [json.loads(line) for line in text.splitlines() if line]
    items = []
    for head, source in zip(lines[::2], lines[1::2]):
        name = head["index"]["_index"]
        index = indexes.setdefault(name, {"documents": {}, "lifecycle": None})
        identity = f"{len(index['documents']):08}"
        index["documents"][identity] = {"source": source, "gone": None}
        items.append({"index": {"_index": name, "_id": identity, "status": 201, "result": "created"}})
    return {"took": 1, "errors": False, "items": items}


def health():
    shards = len(indexes)
    counts = {"active_primary_shards": shards, "active_shards": shards, "unassigned_shards": 0}
    nodes = {"number_of_nodes": 1, "number_of_data_nodes": 1}
    return {"cluster_name": "logs", "status": "green", "timed_out": False, **nodes, **counts}


def answer(method, path, params, text):
    parts = path.strip("/").split("/")
    body = json.loads(text) if text and parts[-1] != "_bulk" else {}
    if not isinstance(body, dict):
        raise parsing("Expected [START_OBJECT]")
    known = {
        ("_search", "GET"): lambda: search(parts[0], body, params),
        ("_search", "POST"): lambda: search(parts[0], body, params),
        ("_delete_by_query", "POST"): lambda: delete_by_query(parts[0], body, params),
        ("_settings", "PUT"): lambda: put_settings(parts[0], body),
        ("_settings", "GET"): lambda: get_settings(parts[0]),
        ("_bulk", "POST"): lambda: bulk(text),
    }
    if path == "/_cluster/health" and method == "GET":
        return health()
    if path.startswith("/_ilm/policy/") and len(parts) == 3 and method in ("GET", "PUT"):
        return put_policy(parts[2], body) if method == "PUT" else get_policy(parts[2])
    if parts[-1] == "_count" and method in ("GET", "POST"):
        only(body, {"query"}, "count")
        return {"count": len(found(parts[0], body)), "_shards": {"total": 1, "successful": 1, "skipped": 0, "failed": 0}}
    if (parts[-1], method) in known and len(parts) <= 2:
        return known[parts[-1], method]()
    reason = f"no handler found for uri [{path}] and method [{method}]"
    raise Refused(400, "illegal_argument_exception", reason)


class Elasticsearch(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do(self):
        text = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        url = urlsplit(self.path)
        params = {key: each[-1] for key, each in parse_qs(url.query, keep_blank_values=True).items()}
        content = self.headers.get("Content-Type", "").split(";")[0]
        status = 200
        try:
            if text and content not in ("application/json", "application/x-ndjson"):
                status, body = 406, {"error": f"Content-Type header [{content}] is not supported", "status": 406}
            else:
                with lock:
                    body = answer(self.command, unquote(url.path), params, text)
        except Refused as refused:
            status, body = refused.status, refused.body
        except (ValueError, KeyError, TypeError, AttributeError) as wrong:
            refused = parsing(str(wrong))
            status, body = refused.status, refused.body
        encoded = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("X-elastic-product", "Elasticsearch")
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(encoded)))
        self.end_headers()
        self.wfile.write(encoded)

    do_GET = do_POST = do_PUT = do_DELETE = do

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Elasticsearch)
    print(server.server_port, flush=True)
    server.serve_forever()
