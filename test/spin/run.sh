#!/bin/sh
# Runs the model of rotation.pml by SPIN: every property of every lane exhaustively (no bitstate hashing; states are
# compressed without loss, -DCOLLAPSE), as many ills as the column says; with two the routine lane is searched from where
# it goes back. Then the faults planted into it, which each must yield a counterexample.
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

# the rows of rows.pml that no search reached, but for those that this model cannot reach:
#   OLD_OK in revocation_proven: a pair that its vendor refused everywhere stays dead here
#   a proof that is gone while no consumer came back: no waiver ends here, and nothing lingers once all have proved themselves
unreached() {
	for name; do sed -n 's/^\trows.pml:\([0-9]*\), state [0-9]*, "mv = .*/\1/p' "$work/$name/out" | sort -u; done |
		sort | uniq -c | awk -v all=$# '$1 == all {print $2}' | while read -r n; do sed -n "${n}p" "$here/rows.pml"; done |
		grep -vF -e 'revocation_proven, OLD_OK,' -e '!PROVEN_NEW && !WAIVED' || true
}

# safety NAME LANE NUMBER ILLS DEFINES...: the assertions and what must always hold
safety() {
	name=$1 lane=$2 number=$3 ills=$4; shift 4
	build "$name" -DSAFETY -DLANE="$number" -DILLS="$ills" "$@"
	check "$lane" "$ills" 'assertions, kept, dead when closed' "$name" -N safe
}

# glance NAME LANE ILLS DEFINES...: a search that memory cuts short, for the rows it reaches and for nothing else
glance() {
	name=$1 lane=$2 ills=$3; shift 3
	build "$name" '-DSAFETY -DMEMLIM=300' -DLANE=1 -DILLS="$ills" "$@"
	run "$name" -N safe
	line "$lane" 'cut short: for its rows alone' "$ills" "${states:-?}" "${depth:-?}" "${errors:-?}"
	case "${errors:-?}" in 0*) ;; *) bad=1; grep '^pan:' "$work/$name/out" || true ;; esac
}

live() {
	build "live-$1" -DNFAIR=3 -DLANE="$2" -DILLS=1
	check "$1" 1 'rests: an end or a named wait' "live-$1" -a -f -N rests
	check "$1" 1 'ends, where people do as told' "live-$1" -a -f -N ends
}

# two streams, for two processors
routine() {
	safety routine routine 1 1
	live routine 1
	return $bad
}

others() {
	safety back 'going back' 1 2 -DBEGIN=1
	safety stopped stopped 1 1 -DBEGIN=2
	glance revoked 'and revoked' 1 -DBEGIN=3
	safety compromised compromised 2 2
	safety replace replace 3 2
	live compromised 2
	live replace 3
	return $bad
}

line lane property ills states depth 'wanted 0'
routine >"$work/routine.log" 2>&1 & one=$!
others >"$work/others.log" 2>&1 & two=$!
wait $one || bad=1
wait $two || bad=1
cat "$work/routine.log" "$work/others.log"
missed=$(unreached routine back stopped revoked compromised replace)
rows=$(grep -c '^ROW' "$here/rows.pml")
echo "rows reached: $((rows - 2 - $(printf '%s' "$missed" | grep -c . || true))) of $rows, and 2 cannot be"
[ -z "$missed" ] || { echo "NOT REACHED:"; echo "$missed"; bad=1; }

line plant 'what was planted' ills states depth 'wanted >0'
planted 1 'one refusal is a death' 1
planted 2 'a place that compares no versions' 2
planted 3 'a draining process is not asked' 0
planted 4 'a triple without its controls' 1
planted 5 'a record without epoch and revision' 2
planted 6 'accepts without sealing' 0
exit $bad
