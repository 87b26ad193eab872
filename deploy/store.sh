#!/bin/sh
# Prints the id of the store whose node this is, from the file `nodes` beside it.
for address in $(hostname -I); do
    awk -v address="$address" '$1 == address { print $2; found = 1; exit } END { exit !found }' "$(dirname "$0")/nodes" && exit 0
done
echo "none of this machine's addresses ($(hostname -I)) is in deploy/nodes" >&2
exit 1
