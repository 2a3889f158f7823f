#!/bin/sh
# Leaves a service behind that prints after its starter has gone: once it may (pipe 1), it prints and reports (pipe 2).
(
	read -r _ < "$1"
	echo "a line of the service's log"
	echo "a line of the service's log" >&2
	echo alive > "$2"
) &
