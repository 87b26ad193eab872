#!/bin/sh
# Starts Ray on a store's node; RAY_HEAD_IP is the head's address. Again and again, as systemd would: on a busy machine a
# start may fail, and Ray's head does not try again. One at a time, since a start that fails ends the other one's Ray.
deploy=$(dirname "$0")
set -a
. "$deploy/ray.env"
set +a
exec 9>"$HOME/.ray/start.lock"
flock 9
tries=1
until pgrep -x raylet >/dev/null || ray start --address="$RAY_HEAD_IP:6379" $AMIKO_RAY_OPTIONS --labels="store=$(sh "$deploy/store.sh")" 9>&-; do
    [ $tries -lt 20 ] || exit 1
    tries=$((tries + 1))
    ray stop 9>&-
    sleep 10
done
