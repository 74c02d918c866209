#!/usr/bin/env bash
# Puts `comment.md` on a pull request of GitHub or a merge request of GitLab: in place of the last one, which its first line
# tells. Where the job may not comment, as on a change from a fork, it says so and ends well: the review is in the job, too.
#
# OUT                                  the directory of `comment.md`; the present one unless given
# GitHub: GITHUB_API_URL, GITHUB_REPOSITORY, GITHUB_TOKEN, and PULL_REQUEST, its number
# GitLab: CI_API_V4_URL, CI_PROJECT_ID, CI_MERGE_REQUEST_IID, and RUNBOOK_REVIEW_TOKEN with the right to comment
set -euo pipefail

comment=${OUT:-.}/comment.md
marker=$(head -n 1 "$comment")

if [ -n "${GITHUB_API_URL:-}" ]; then
    header="authorization: Bearer ${GITHUB_TOKEN:-}"
    list="$GITHUB_API_URL/repos/$GITHUB_REPOSITORY/issues/$PULL_REQUEST/comments"
    one="$GITHUB_API_URL/repos/$GITHUB_REPOSITORY/issues/comments"
    change=PATCH
    token=${GITHUB_TOKEN:-}
else
    header="private-token: ${RUNBOOK_REVIEW_TOKEN:-}"
    list="${CI_API_V4_URL:?}/projects/${CI_PROJECT_ID:?}/merge_requests/${CI_MERGE_REQUEST_IID:?}/notes"
    one=$list
    change=PUT
    token=${RUNBOOK_REVIEW_TOKEN:-}
fi

# The token comes by standard input, so that no list of processes shows it.
ask() {
    printf 'header = "%s"\n' "$header" |
        curl --silent --show-error --fail-with-body --config - --header 'content-type: application/json' "$@"
}

give_up() {
    echo "this job may not comment, so the review stands only in the job" >&2
    exit 0
}

[ -n "$token" ] || give_up

known=
for page in $(seq 50); do
    found=$(ask "$list?per_page=100&page=$page") || give_up
    known=$(jq -r --arg marker "$marker" 'map(select(.body | startswith($marker))) | first | .id // empty' <<<"$found")
    if [ -n "$known" ] || [ "$(jq length <<<"$found")" -lt 100 ]; then
        break
    fi
done

body=$(jq -Rs '{body: .}' "$comment")
if [ -n "$known" ]; then
    ask --request "$change" --data "$body" "$one/$known" >/dev/null || give_up
    echo "the comment was brought up to date" >&2
elif grep -q '^No runbook does anything else' "$comment"; then
    echo "there is nothing to say, and nothing was said before" >&2
else
    ask --request POST --data "$body" "$list" >/dev/null || give_up
    echo "the comment was made" >&2
fi
