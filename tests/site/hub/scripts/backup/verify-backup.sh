#!/bin/sh
# Makes sure that an archive can be read, and that what is in it is a graph.
set -eu
gzip --test "$1"
tar -xzOf "$1" neo4j-data/graph.json | python3 -m json.tool > /dev/null
