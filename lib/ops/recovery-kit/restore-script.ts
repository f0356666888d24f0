/** `restore.sh` of a recovery kit, the same for every site: restores one run with standard tools alone. */

const FENCE = "```";

/** The script. Of a run it believes what SHA256SUMS and its signature cover; of the kit, all. */
export const RESTORE_SCRIPT = String.raw`#!/bin/bash
# Restores one run of a backup with standard tools alone: restore.sh RUN ROOT [OUTSIDE]. README.md explains it.
set -eo pipefail
export LC_ALL=C
unset CDPATH
say() { printf '\n== %s\n' "$*"; }
die() { printf '\nrestore.sh: %s\n' "$*" >&2; exit 1; }
need() { command -v "$1" >/dev/null || die "$1 is missing: apt-get install $2"; }

[ -n "$2" ] && [ $# -le 3 ] || die "usage: restore.sh RUN ROOT [OUTSIDE]"
kit=$(cd -P -- "$(dirname -- "$0")" && pwd)
run=$(cd -P -- "$1" && pwd) || die "there is no run at $1"
for file in SHA256SUMS RESTORE.md manifest.json; do [ -f "$run/$file" ] || die "$run is no whole run: it has no $file"; done
for place in "$2" "$3"; do
  [ -z "$place" ] || mkdir -p -- "$place"
  [ -z "$place" ] || [ -z "$(ls -A -- "$place")" ] || die "$place is not empty: name a new directory"
done
NEW_ROOT=$(cd -P -- "$2" && pwd)
NEW_OUTSIDE=$([ -z "$3" ] || { cd -P -- "$3" && pwd; })
export NEW_ROOT NEW_OUTSIDE
need unzip unzip

work=$(mktemp -d) # private: what is opened lies here until the end
trap 'GNUPGHOME=$work/gnupg gpgconf --kill gpg-agent 2>/dev/null || true; rm -rf -- "$work"' EXIT
trap 'exit 130' HUP INT TERM
cd -- "$run"
cp -- SHA256SUMS RESTORE.md manifest.json "$work" # what is checked is what is used
id=$(sed -n 's/^  "run": "\([0-9]*T[0-9]*Z\)",*$/\1/p' "$work/manifest.json")
case $(basename -- "$run") in "$id") ;; [0-9]*T[0-9]*Z) die "this is the run $id under the name of another: do not trust it" ;; esac

if [ -f "$kit/allowed_signers" ]; then
  say "Checking who made the run $id"
  need ssh-keygen openssh-client
  [ -f SHA256SUMS.sig ] || die "the run is not signed, and runs of this site are: do not trust it"
  signature() { ssh-keygen -Y "$@" -s SHA256SUMS.sig -f "$kit/allowed_signers" "-Overify-time=$(printf %s "$id" | tr -d T)"; }
  if [ -f "$kit/principal" ]; then who=$(cat -- "$kit/principal"); else who=$(signature find-principals | sed -n 1p) || true; fi
  signature verify -n holdfast-run -I "$who" <"$work/SHA256SUMS" || die "the signature does not count: do not trust this run"
else say "This kit has no allowed_signers: nothing proves who made the run $id"; fi

say "Comparing every file with SHA256SUMS"
for file in RESTORE.md manifest.json; do
  grep -qxF "$(sha256sum <"$work/$file" | cut -c 1-64)  $file" "$work/SHA256SUMS" || die "$file differs from SHA256SUMS: do not trust this run"
done
sha256sum --quiet --strict -c "$work/SHA256SUMS" || die "the run is damaged, see above: take another run, or another copy of it"

smallest=$(find . -type f \( -name '*.age' -o -name '*.gpg' \) -printf '%s %p\n' | sort -n | sed -n '1s/^[0-9]* //p')
if [ -n "$smallest" ]; then
  say "Opening the identity"
  IDENTITY=$work/identity
  if [ -f "$kit/identity.txt" ]; then cp -- "$kit/identity.txt" "$IDENTITY"
  elif [ ! -f "$kit/identity.txt.age" ]; then die "the run is sealed: copy the identity that opens it to $kit/identity.txt"
  else need age age; age --decrypt --output "$IDENTITY" "$kit/identity.txt.age" || die "the identity was not opened: is the passphrase right?"; fi
  case $smallest in
    *.age) need age age; age --decrypt --identity "$IDENTITY" -- "$smallest" >/dev/null || die "this identity does not open the run" ;;
    *) need gpg gnupg; export GNUPGHOME=$work/gnupg; mkdir -m 700 "$GNUPGHOME"; gpg --batch --quiet --import "$IDENTITY"
      gpg --batch --quiet --decrypt -- "$smallest" >/dev/null || die "this identity does not open the run" ;;
  esac
  export IDENTITY
fi

say "Restoring to $NEW_ROOT; the commands are those of RESTORE.md"
export TMPDIR=$work ALLOWED_SIGNERS=
awk '/^${FENCE}bash$/ { on = 1; next } /^${FENCE}$/ { on = 0 } on' "$work/RESTORE.md" |
  sed -e '0,/^ROOT=.*$/s//ROOT=$NEW_ROOT/' -e '0,/^OUTSIDE=.*$/s//OUTSIDE=$NEW_OUTSIDE/' -e '/^sha256sum --quiet -c SHA256SUMS$/d' >"$work/commands"
bash -eo pipefail "$work/commands" || die "the restore stopped, see above; remove what it made before the next attempt"
say "The run $id is restored to $NEW_ROOT. Go on with README.md, Afterwards"
`;
