"""A stand-in for S3: `s3.py DIRECTORY BUCKET=REGION…`. It prints its port.

It speaks the REST interface with buckets in the path, verifies every signature and every checksum, and refuses what S3
refuses, with its codes. Objects are files below DIRECTORY, so that a test can look at them, or damage them. KEYS in the
environment are `ID:SECRET:RIGHTS` with blanks between; RIGHTS are of the letters `r` and `w`.
"""

import base64
import hashlib
import os
import pathlib
import sys
import uuid
import zlib
from datetime import datetime, timezone
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock
from urllib.parse import parse_qsl, quote, unquote
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from sigv4 import Refused, verify

SPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
CLASSES = {"STANDARD", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER", "GLACIER_IR", "DEEP_ARCHIVE"}
LEAST = 5 << 20
DIRECTORY = pathlib.Path(sys.argv[1])
BUCKETS = dict(argument.split("=") for argument in sys.argv[2:])
KEYS = {key: (secret, rights) for key, secret, rights in (each.split(":") for each in os.environ["KEYS"].split())}
SECRETS = {key: secret for key, (secret, _) in KEYS.items()}
lock = Lock()
objects = {bucket: {} for bucket in BUCKETS}
uploads = {}


def need(condition, status, code, message):
    if not condition:
        raise Refused(status, code, message)


def sums(headers, body):
    """Holds a body against the checksums that came with it."""
    given = headers.get("content-md5")
    if given is not None:
        need(len(given) == 24, 400, "InvalidDigest", "The Content-MD5 you specified was invalid.")
        true = base64.b64encode(hashlib.md5(body).digest()).decode()
        need(given == true, 400, "BadDigest", "The Content-MD5 you specified did not match what we received.")
    known = {
        "crc32": lambda: zlib.crc32(body).to_bytes(4, "big"),
        "sha1": lambda: hashlib.sha1(body).digest(),
        "sha256": lambda: hashlib.sha256(body).digest(),
    }
    for name, value in headers.items():
        kind = name.removeprefix("x-amz-checksum-")
        if kind == name or kind in ("mode", "type", "algorithm"):
            continue
        need(kind in known, 501, "NotImplemented", f"The checksum {kind} is not understood here.")
        true = base64.b64encode(known[kind]()).decode()
        need(value == true, 400, "BadDigest", f"The {kind.upper()} you specified did not match the calculated checksum.")


def settings(headers):
    """How an object is to be kept."""
    kind = headers.get("x-amz-storage-class", "STANDARD")
    need(kind in CLASSES, 400, "InvalidStorageClass", "The storage class you specified is not valid.")
    cipher = headers.get("x-amz-server-side-encryption", "AES256")
    need(cipher in ("AES256", "aws:kms"), 400, "InvalidEncryptionAlgorithmError", "The encryption is not supported.")
    return {"class": kind, "cipher": cipher, "type": headers.get("content-type", "binary/octet-stream")}


def put(bucket, key, body, tag, facts):
    path = DIRECTORY / bucket / key
    need(len(key.encode()) <= 1024, 400, "KeyTooLongError", "Your key is too long.")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body)
    now = datetime.now(timezone.utc)
    with lock:
        objects[bucket][key] = {**facts, "tag": tag, "at": now, "size": len(body)}


def complete(bucket, key, upload, body):
    sent = [(int(text(part, "PartNumber")), text(part, "ETag").strip('"')) for part in parsed(body)]
    numbers = [number for number, _ in sent]
    need(sent, 400, "MalformedXML", "The XML you provided was not well-formed.")
    need(numbers == sorted(set(numbers)), 400, "InvalidPartOrder", "The list of parts was not in ascending order.")
    parts = [upload["parts"].get(number) for number in numbers]
    for part, (_, tag) in zip(parts, sent):
        need(part and hashlib.md5(part).hexdigest() == tag, 400, "InvalidPart", "A part could not be found.")
    need(all(len(part) >= LEAST for part in parts[:-1]), 400, "EntityTooSmall", "A part is too small.")
    digests = b"".join(hashlib.md5(part).digest() for part in parts)
    tag = f"{hashlib.md5(digests).hexdigest()}-{len(parts)}"
    put(bucket, key, b"".join(parts), tag, upload["facts"])
    return tag


def parsed(body):
    try:
        return ElementTree.fromstring(body)
    except ElementTree.ParseError:
        raise Refused(400, "MalformedXML", "The XML you provided was not well-formed.") from None


def text(element, name):
    found = element.find(f"{{{SPACE}}}{name}")
    need(found is not None and found.text, 400, "MalformedXML", "The XML you provided was not well-formed.")
    return found.text


def listed(bucket, query):
    """The answer of ListObjectsV2."""
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
    most = min(int(query.get("max-keys", 1000)), 1000)
    after = base64.b64decode(query["continuation-token"]).decode() if "continuation-token" in query else ""
    after = after or query.get("start-after", "")
    shown = (lambda key: quote(key, safe="/-_.~")) if query.get("encoding-type") == "url" else escape
    rows, folders, last = [], [], ""
    for key in sorted(key for key in objects[bucket] if key.startswith(prefix)):
        head, found, _ = key[len(prefix) :].partition(delimiter) if delimiter else ("", "", "")
        name = prefix + head + delimiter if found else key
        if name <= after or name in folders:
            continue
        if len(rows) + len(folders) == most:
            break
        last = name
        if found:
            folders.append(name)
        else:
            rows.append((key, objects[bucket][key]))
    else:
        most = 0
    parts = [f"<Name>{bucket}</Name><Prefix>{shown(prefix)}</Prefix><KeyCount>{len(rows) + len(folders)}</KeyCount>"]
    parts.append(f"<MaxKeys>{query.get('max-keys', 1000)}</MaxKeys><IsTruncated>{str(bool(most)).lower()}</IsTruncated>")
    parts += ["<EncodingType>url</EncodingType>"] * (query.get("encoding-type") == "url")
    parts += [f"<Delimiter>{shown(delimiter)}</Delimiter>"] * bool(delimiter)
    if most:
        parts.append(f"<NextContinuationToken>{base64.b64encode(last.encode()).decode()}</NextContinuationToken>")
    for key, it in rows:
        at = it["at"].strftime("%Y-%m-%dT%H:%M:%S.000Z")
        parts.append(f"<Contents><Key>{shown(key)}</Key><LastModified>{at}</LastModified><ETag>&quot;{it['tag']}&quot;</ETag>")
        parts.append(f"<Size>{it['size']}</Size><StorageClass>{it['class']}</StorageClass></Contents>")
    parts += [f"<CommonPrefixes><Prefix>{shown(name)}</Prefix></CommonPrefixes>" for name in folders]
    return f'<ListBucketResult xmlns="{SPACE}">{"".join(parts)}</ListBucketResult>'


class S3(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "AmazonS3"

    def handle_request(self):
        headers = {name.lower(): value for name, value in self.headers.items()}
        try:
            need("transfer-encoding" not in headers, 411, "MissingContentLength", "Content-Length is required.")
            need(self.command not in ("PUT",) or "content-length" in headers, 411, "MissingContentLength", "It is required.")
            body = self.rfile.read(int(headers.get("content-length", 0)))
            path, _, query = self.path.partition("?")
            bucket, _, key = unquote(path).lstrip("/").partition("/")
            query = dict(parse_qsl(query, keep_blank_values=True))
            need(bucket, 501, "NotImplemented", "Listing buckets is not implemented here.")
            need(bucket in BUCKETS, 404, "NoSuchBucket", "The specified bucket does not exist.")
            who = verify("s3", BUCKETS[bucket], SECRETS, self.command, self.path, headers, body)
            right = "r" if self.command in ("GET", "HEAD") else "w"
            need(right in KEYS[who][1], 403, "AccessDenied", "Access Denied")
            sums(headers, body)
            asked = getattr(self, f"{self.command.lower()}_{'object' if key else 'bucket'}", None)
            need(asked, 405, "MethodNotAllowed", "The specified method is not allowed against this resource.")
            asked(bucket, key, query, headers, body)
        except Refused as refused:
            self.refuse(refused)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = handle_request

    def refuse(self, it):
        # What was not read of the request must not be taken for the next one.
        self.close_connection = True
        self.answer(it.status, f"<Error><Code>{it.code}</Code><Message>{escape(it.message)}</Message></Error>", "application/xml")

    def get_bucket(self, bucket, _key, query, _headers, _body):
        if "location" in query:
            return self.answer(200, f'<LocationConstraint xmlns="{SPACE}">{BUCKETS[bucket]}</LocationConstraint>', "application/xml")
        need(query.get("list-type") == "2", 501, "NotImplemented", "Only the second version of listing is implemented here.")
        return self.answer(200, listed(bucket, query), "application/xml")

    def head_bucket(self, bucket, *_):
        self.answer(200, "", "application/xml", {"x-amz-bucket-region": BUCKETS[bucket]})

    def get_object(self, bucket, key, _query, headers, _body):
        it = objects[bucket].get(key)
        need(it, 404, "NoSuchKey", "The specified key does not exist.")
        body = (DIRECTORY / bucket / key).read_bytes()
        more = {
            "ETag": f'"{it["tag"]}"',
            "Last-Modified": format_datetime(it["at"], usegmt=True),
            "x-amz-server-side-encryption": it["cipher"],
            "Accept-Ranges": "bytes",
        }
        more |= {"x-amz-storage-class": it["class"]} if it["class"] != "STANDARD" else {}
        status, asked = 200, headers.get("range", "")
        if asked.startswith("bytes="):
            first, _, last = asked.removeprefix("bytes=").partition("-")
            first, end = int(first), int(last or len(body) - 1) + 1
            need(first < len(body), 416, "InvalidRange", "The requested range is not satisfiable")
            more["Content-Range"] = f"bytes {first}-{min(end, len(body)) - 1}/{len(body)}"
            status, body = 206, body[first:end]
        self.answer(status, body, it["type"], more)

    head_object = get_object

    def put_object(self, bucket, key, query, headers, body):
        if "uploadId" in query:
            upload = self.upload(query)
            number = int(query.get("partNumber", 0))
            need(1 <= number <= 10000, 400, "InvalidArgument", "Part number must be between 1 and 10000.")
            upload["parts"][number] = body
            return self.answer(200, "", None, {"ETag": f'"{hashlib.md5(body).hexdigest()}"'})
        need("x-amz-copy-source" not in headers, 501, "NotImplemented", "Copying is not implemented here.")
        facts, tag = settings(headers), hashlib.md5(body).hexdigest()
        put(bucket, key, body, tag, facts)
        return self.answer(200, "", None, {"ETag": f'"{tag}"', "x-amz-server-side-encryption": facts["cipher"]})

    def upload(self, query):
        it = uploads.get(query.get("uploadId"))
        need(it, 404, "NoSuchUpload", "The specified upload does not exist.")
        return it

    def post_object(self, bucket, key, query, headers, body):
        if "uploads" in query:
            name = uuid.uuid4().hex
            uploads[name] = {"parts": {}, "facts": settings(headers)}
            kind, told = "InitiateMultipartUploadResult", f"<UploadId>{name}</UploadId>"
        else:
            need("uploadId" in query, 405, "MethodNotAllowed", "The method is not allowed against this resource.")
            tag = complete(bucket, key, self.upload(query), body)
            uploads.pop(query["uploadId"])
            kind, told = "CompleteMultipartUploadResult", f"<ETag>&quot;{tag}&quot;</ETag>"
        told = f"<Bucket>{bucket}</Bucket><Key>{escape(key)}</Key>{told}"
        self.answer(200, f'<{kind} xmlns="{SPACE}">{told}</{kind}>', "application/xml")

    def delete_object(self, bucket, key, query, *_):
        if "uploadId" in query:
            self.upload(query)
            uploads.pop(query["uploadId"])
        elif objects[bucket].pop(key, None):
            (DIRECTORY / bucket / key).unlink(missing_ok=True)
        self.answer(204, "", None)

    def answer(self, status, body, kind, more=None):
        body = body.encode() if isinstance(body, str) else body
        self.send_response(status)
        for name, value in {**({"content-type": kind} if kind else {}), **(more or {})}.items():
            self.send_header(name, value)
        self.send_header("x-amz-request-id", uuid.uuid4().hex[:16].upper())
        if status != 204:
            self.send_header("content-length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD" and status != 204:
            self.wfile.write(body)

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), S3)
    print(server.server_port, flush=True)
    server.serve_forever()
