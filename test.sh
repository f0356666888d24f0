#!/usr/bin/env bash
# Installs what the tests need and runs them. Arguments go to vitest: ./test.sh test/unit
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

say() { printf '%s\n' "$*" >&2; }

# Runs a command that is of interest only when it fails.
quietly() {
  local log
  log=$(mktemp)
  if "$@" >"$log" 2>&1; then
    rm -f "$log"
  else
    cat "$log" >&2
    rm -f "$log"
    return 1
  fi
}

node_is_new_enough() {
  node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)' 2>/dev/null
}

# The Debian packages of tools that are not there, each once.
missing_packages() {
  local tool package
  while read -r tool package; do
    case $tool in
      '' | '#'*) ;;
      */*) compgen -G "$tool" >/dev/null || printf '%s\n' "$package" ;;
      *) PATH="$PATH:/usr/sbin:/sbin" command -v "$tool" >/dev/null || printf '%s\n' "$package" ;;
    esac
  done <test/support/tools.txt | sort -u
}

# The servers are for the tests to start, on ports of their own: the packages' services stay down. The policy is void once this
# script is gone, even if it is killed before it takes it away.
install_packages() (
  policy=/usr/sbin/policy-rc.d
  if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    printf '#!/bin/sh\nkill -0 %d 2>/dev/null && exit 101\nexit 0\n' "$$" >"$policy"
    chmod 755 "$policy"
  fi
  export DEBIAN_FRONTEND=noninteractive
  quietly apt-get update -q
  quietly apt-get install -q -y --no-install-recommends "$@"
)

if ! node_is_new_enough; then
  say 'the tests need Node 20.19 or later: https://nodejs.org/en/download'
  exit 1
fi

mapfile -t packages < <(missing_packages)
if [ "${#packages[@]}" -gt 0 ]; then
  if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
    say "installing ${packages[*]} …"
    install_packages "${packages[@]}"
  else
    say 'some programs that the tests start are missing; as root:'
    say "  apt-get install --no-install-recommends ${packages[*]}"
    exit 1
  fi
fi

if [ ! -e node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
  say 'installing the npm packages …'
  quietly npm ci
fi

npm test --silent -- "$@"
