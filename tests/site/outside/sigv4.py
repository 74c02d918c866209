"""Verifies requests that are signed with AWS Signature Version 4, as the services do, and says why one is refused."""

import hashlib
import hmac
import re
from datetime import datetime, timedelta, timezone
from urllib.parse import parse_qsl, quote, unquote

SKEW = timedelta(minutes=15)
HEADER = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<id>[^/ ,]+)/(?P<day>\d{8})/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request,"
    r" ?SignedHeaders=(?P<signed>[a-z0-9;-]+), ?Signature=(?P<signature>[0-9a-f]{64})"
)
EMPTY = hashlib.sha256(b"").hexdigest()


class Refused(Exception):
    """What a service says no to: its status, the code of the error and the message."""

    def __init__(self, status, code, message):
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


def verify(service, region, keys, command, target, headers, body):
    """Answers the identifier of the key that signed the request. `keys` maps identifiers to secrets."""
    names = NAMES[service]
    header = headers.get("authorization")
    if not header:
        raise Refused(403, names["missing"], "The request is not signed.")
    found = HEADER.fullmatch(header)
    if not found:
        raise Refused(400, names["malformed"], "The authorization header is malformed.")
    if found["id"] not in keys:
        raise Refused(403, names["unknown"], "The access key is not known.")
    if (found["region"], found["service"]) != (region, service):
        wrong = f"The credential must be scoped to '{region}' and '{service}'."
        raise Refused(400 if service == "s3" else 403, names["scope"], wrong)
    stamp = in_time(names, headers, found["day"])
    signed = found["signed"].split(";")
    demanded = {"host"} | {name for name in headers if name.startswith("x-amz-")}
    if signed != sorted(signed) or not demanded <= set(signed):
        raise Refused(403, names["unsigned"], "There were headers present in the request which were not signed.")
    digest = digest_of(service, headers, body)
    request = "\n".join([command, *canonical(service, target), *canonical_headers(headers, signed), digest])
    scope = f"{found['day']}/{region}/{service}/aws4_request"
    hashed = hashlib.sha256(request.encode()).hexdigest()
    expected = sign(keys[found["id"]], scope, f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashed}")
    if not hmac.compare_digest(expected, found["signature"]):
        raise Refused(403, "SignatureDoesNotMatch", "The signature that was given is not the one that was calculated.")
    return found["id"]


NAMES = {
    "s3": {
        "missing": "AccessDenied",
        "malformed": "AuthorizationHeaderMalformed",
        "unknown": "InvalidAccessKeyId",
        "scope": "AuthorizationHeaderMalformed",
        "unsigned": "AccessDenied",
        "late": "RequestTimeTooSkewed",
    },
    "route53": {
        "missing": "MissingAuthenticationToken",
        "malformed": "IncompleteSignature",
        "unknown": "InvalidClientTokenId",
        "scope": "SignatureDoesNotMatch",
        "unsigned": "SignatureDoesNotMatch",
        "late": "SignatureDoesNotMatch",
    },
}


def in_time(names, headers, day):
    stamp = headers.get("x-amz-date", "")
    try:
        at = datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=timezone.utc)
    except ValueError:
        raise Refused(403, names["late"], "A valid x-amz-date is required.") from None
    if abs(datetime.now(timezone.utc) - at) > SKEW or not stamp.startswith(day):
        raise Refused(403, names["late"], "The difference between the request time and the current time is too large.")
    return stamp


def digest_of(service, headers, body):
    """The digest of the body that goes into the signature. S3 wants it said; the others calculate it."""
    true = hashlib.sha256(body).hexdigest()
    if service != "s3":
        return true
    said = headers.get("x-amz-content-sha256")
    if said is None:
        raise Refused(400, "InvalidRequest", "Missing required header for this request: x-amz-content-sha256")
    if said.startswith("STREAMING-"):
        raise Refused(501, "NotImplemented", "A body in signed chunks is not understood here.")
    if said not in (true, "UNSIGNED-PAYLOAD"):
        raise Refused(400, "XAmzContentSHA256Mismatch", "The provided 'x-amz-content-sha256' header does not match.")
    return said


def canonical(service, target):
    path, _, query = target.partition("?")
    # The path is encoded once more than it is in the request, but for S3.
    path = quote(unquote(path), safe="/-_.~") if service == "s3" else quote(path, safe="/-_.~")
    pairs = parse_qsl(query, keep_blank_values=True)
    pairs = sorted((quote(name, safe="-_.~"), quote(value, safe="-_.~")) for name, value in pairs)
    return path or "/", "&".join(f"{name}={value}" for name, value in pairs)


def canonical_headers(headers, signed):
    lines = [f"{name}:{' '.join(headers.get(name, '').split())}\n" for name in signed]
    return "".join(lines), ";".join(signed)


def sign(secret, scope, text):
    key = ("AWS4" + secret).encode()
    for part in [*scope.split("/"), text]:
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key.hex()
