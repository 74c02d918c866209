#!/usr/bin/env bash
# Checks the runbooks of a change and reviews what they do otherwise. It reads files and git, and nothing else: no secret,
# no network, and nothing of what it reads is run. So it is safe for changes that come from anybody.
#
# RUNBOOK  the program; `runbook` unless given
# BASE     the branch or commit that the change is made for
# FAIL_ON  what ends it with 1: `never`, `alarms` or `changes`; `never` unless given
# OUT      the directory for `runbooks.sarif` and `comment.md`; the present one unless given
set -euo pipefail

runbook=${RUNBOOK:-runbook}
out=${OUT:-.}
: "${BASE:?set BASE to the branch that the change is made for}"

checked=0
"$runbook" check --format sarif >"$out/runbooks.sarif" || checked=$?
reviewed=0
"$runbook" review --base "$BASE" --format markdown --fail-on "${FAIL_ON:-never}" >"$out/comment.md" || reviewed=$?

if [ -n "${GITHUB_STEP_SUMMARY:-}" ]; then
    cat "$out/comment.md" >>"$GITHUB_STEP_SUMMARY"
fi
if [ "$checked" -ne 0 ]; then
    echo "runbook check found errors:" >&2
    "$runbook" check >&2 || true
    exit "$checked"
fi
exit "$reviewed"
