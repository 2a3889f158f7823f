#!/bin/sh
# Dies at SIGTERM at once, and leaves a process that needs a moment to say goodbye into the pipe named first.
sh -c 'trap "sleep 0.1; echo goodbye >&3; exit" TERM; echo ready >&3; while :; do sleep 0.02; done' 3> "$1" &
wait
