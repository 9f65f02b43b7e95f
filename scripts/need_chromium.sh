#!/usr/bin/env bash
# Make sure that a Chromium is there for the browser tests, the benchmarks and the screenshots.
set -euo pipefail

for name in chromium chromium-browser google-chrome; do
    command -v "$name" >/dev/null && exit 0
done
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "No Chromium found: installing Debian's."
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium
    exit 0
fi
echo "The browser tests need Chromium, and installing it needs root. Run: sudo apt-get install chromium" >&2
exit 1
