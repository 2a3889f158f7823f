#!/bin/sh
# Hangs with a second process, both deaf to SIGTERM; whoever reads the pipe named first sees its end when both are gone.
exec 3> "$1"
trap '' TERM
sh -c 'trap "" TERM; while :; do sleep 1; done' &
echo ready >&3
while :; do sleep 1; done
