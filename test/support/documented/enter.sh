#!/usr/bin/env bash
# Runs a script in a documented world, in the mount namespace that `unshare` made for this process: the world's directories lie over the
# host's. Arguments: the world, the directory of node_modules, the program node, the script. Standard input of the script is a terminal,
# its output goes to file descriptor 3.
set -euo pipefail
world=$1 modules=$2 node=$3 script=$4

# While the host's directories can still be seen.
mount --bind "$modules" "$world/opt/.world/node_modules"
mount --bind "$node" "$world/opt/.world/bin/node"
# What tsx compiled, for all worlds: it is found by content.
mkdir -p "$world/../tsx" "$world/tmp/tsx-0"
mount --bind "$world/../tsx" "$world/tmp/tsx-0"
for directory in etc mnt opt root srv var tmp; do
  mount --rbind "$world/$directory" "/$directory"
done
# A host on which systemd runs (sd_booted(3)); systemctl is the world's.
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/system /run/lock

cd "/opt/holdfast" 2>/dev/null || cd /opt
exec script -qec "exec bash '$script' >&3 2>&3" /dev/null
