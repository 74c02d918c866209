#!/bin/sh
# Writes an archive of the graph's data and of the settings into `exports`. It runs in the folder of the project.
set -eu
name="mcp-backup-$(date +%Y%m%d-%H%M%S)-$$"
mkdir -p exports
tar -czf "exports/$name.partial" --transform 's,^data/neo4j/data,neo4j-data,' data/neo4j/data docker-compose.yml .env
mv "exports/$name.partial" "exports/$name.tar.gz"
