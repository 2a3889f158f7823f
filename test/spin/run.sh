#!/bin/sh
# Runs the model of rotation.pml by SPIN: every property of every lane exhaustively (no bitstate hashing; states are
# compressed without loss, -DCOLLAPSE), then the faults planted into it, which each must yield a counterexample.
# A counterexample is replayed with the command that is printed. Exit 1 when anything is not as it should be.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
bad=0

# build NAME CFLAGS DEFINES...: a verifier of the model with these settings
build() {
	name=$1 cflags=$2; shift 2
	mkdir -p "$work/$name"; cp "$here"/*.pml "$work/$name"
	(cd "$work/$name" && spin -a "$@" rotation.pml >spin.out 2>&1 && gcc -w -O1 -DCOLLAPSE -DMEMLIM=6000 $cflags -o pan pan.c) ||
		{ cat "$work/$name/spin.out"; exit 2; }
}

# run NAME FLAGS...: writes NAME/out; a search that was cut short counts as an error
run() {
	name=$1; shift
	(cd "$work/$name" && ./pan -m1000000 "$@" >out 2>&1) || true
	states=$(sed -n 's/^ *\([0-9.e+]*\) states, stored.*/\1/p' "$work/$name/out")
	depth=$(sed -n 's/.*depth reached \([0-9]*\),.*/\1/p' "$work/$name/out")
	errors=$(sed -n 's/.*errors: \([0-9]*\).*/\1/p' "$work/$name/out")
	if grep -q 'max search depth too small\|reached memory limit\|out of memory' "$work/$name/out"; then errors="${errors:-0} CUT SHORT"; fi
}

line() { printf '%-12s %-34s %5s %12s %9s   errors: %s\n' "$@"; }

# check LANE ILLS PROPERTY NAME FLAGS...: no error
check() {
	lane=$1 ills=$2 property=$3 name=$4; shift 4
	run "$name" "$@"
	line "$lane" "$property" "$ills" "${states:-?}" "${depth:-?}" "${errors:-?}"
	[ "${errors:-?}" = 0 ] || { bad=1; grep '^pan:' "$work/$name/out" || true; }
}

# planted N WHAT ILLS DEFINES...: at least one error
planted() {
	n=$1 what=$2 ills=$3; shift 3
	build "plant$n" -DSAFETY -DPLANT="$n" -DILLS="$ills" "$@"
	run "plant$n" -N safe
	line "plant $n" "$what" "$ills" "${states:-?}" "${depth:-?}" "${errors:-?} ($(sed -n 's/^pan:1: \(.*\) (at depth.*/\1/p' "$work/plant$n/out" | cut -c1-60))"
	case "${errors:-0}" in 0*) bad=1; echo "NOT FOUND: plant $n" ;; esac
}

# the rows of rows.pml that no lane reached
unreached() {
	for lane in routine compromised replace; do
		sed -n 's/^\trows.pml:\([0-9]*\), state [0-9]*, "mv = .*/\1/p' "$work/$lane/out" | sort -u
	done | sort | uniq -c | awk '$1 == 3 {print $2}' | while read -r n; do sed -n "${n}p" "$here/rows.pml"; done
}

line lane property ills states depth 'wanted 0'
i=0
for lane in routine compromised replace; do
	i=$((i + 1)); ills=${ILLS:-1}
	build $lane -DSAFETY -DLANE=$i -DILLS="$ills"
	check $lane "$ills" 'assertions, kept, dead when closed' $lane -N safe
done
i=0
for lane in routine compromised replace; do
	i=$((i + 1))
	build live-$lane -DNFAIR=3 -DLANE=$i -DILLS="${LIVE:-1}"
	check $lane "${LIVE:-1}" 'rests: an end or a named wait' live-$lane -a -f -N rests
	check $lane "${LIVE:-1}" 'ends, where people do as told' live-$lane -a -f -N ends
done
missed=$(unreached)
echo "rows reached: $(($(grep -c '^ROW' "$here/rows.pml") - $(printf '%s' "$missed" | grep -c . || true))) of $(grep -c '^ROW' "$here/rows.pml")"
[ -z "$missed" ] || { echo "$missed"; bad=1; }

line plant 'what was planted' ills states depth 'wanted >0'
planted 1 'one refusal is a death' 1
planted 2 'a place that compares no versions' 2
planted 3 'a draining process is not asked' 0
planted 4 'a triple without its controls' 1
planted 5 'a record without epoch and revision' 2
planted 6 'accepts without sealing' 0
exit $bad
