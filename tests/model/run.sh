#!/bin/sh
# Check the protocol's models: each must hold as it is, and must fail when one
# of its guards is taken away. Needs gcc and spin.
#
# usage: tests/model/run.sh [--trace] [NAME…]
#
# MODEL=full  larger bounds as well: a quarter of an hour, 3 GB for each job
# JOBS=2      how many at a time
# --trace     print the shortest way to each violation
#
# One line per case, then "model: N passed, N failed".
set -eu

cd "$(dirname "$0")/../.."
CC=${CC:-gcc}

# name|must it hold|what|flags; "full" in front of those for MODEL=full only.
# Of each model the first group is the protocol, the last what may be left out by
# itself.
presence_cases() {
	cat <<'END'
full D1|holds|presence: two faults|-DFAULTS=2
D2|holds|presence: two messages|-DSENDS=2
D3|holds|presence: three moves|-DMOVES=3
D4|holds|presence: Redis loses its memory|-DLOSS
full D5|holds|presence: two faults, two messages|-DFAULTS=2 -DSENDS=2
full D6|holds|presence: two faults, three moves|-DFAULTS=2 -DMOVES=3
full D7|holds|presence: a loss, two messages, three moves|-DLOSS -DSENDS=2 -DMOVES=3
D10|fails|route: due and pokes in a later step|-DDUE_OUTSIDE
D11|fails|route: no due set, deaf daemon not noticed|-DNO_DUE -DNO_NONCE
D12|fails|beat: trusts earlier pokes, without a nonce|-DTRUST_POKES -DNO_NONCE -DSENDS=2
D13|fails|registers before subscribed, no due set|-DEARLY -DNO_DUE
D14|fails|lost answer to a beat ignored, no nonce|-DBEAT_KEEPS -DNO_NONCE -DFAULTS=2
D15|fails|daemon ignores that it was reaped|-DGONE_IGNORED
D16|fails|connect does not ask for live|-DCONNECT_ANYWHERE
D17|fails|connect counts hot only|-DCONNECT_HOT_ONLY
D18|fails|connect does not lead to a poke|-DCONNECT_SILENT
D19|fails|disconnect by user, not by connection|-DDISCONNECT_USER -DMOVES=3
D20|fails|disconnect does not mark|-DDISCONNECT_UNMARKED
D21|fails|reap does not mark|-DREAP_UNMARKED
D22|fails|reap does not compare the counter|-DREAP_BLINDLY
D23|fails|reap: at: first, online in a later step|-DREAP_FORGETS -DFAULTS=2
D24|fails|reap: live first, connections in a later step|-DREAP_LIVE_FIRST -DFAULTS=2
D25|fails|reap: half reaped, and may beat on|-DREAP_UNDOOMED
D26|fails|leave although connections are left|-DLEAVE_BUSY
D27|fails|client forgets a poke when its pull ends|-DPOKE_FORGOTTEN -DSENDS=2
D30|holds|no due set: the nonce finds what was lost|-DNO_DUE
D31|holds|no nonce: the due set finds what was lost|-DNO_NONCE
D32|holds|registers before subscribed|-DEARLY
D33|holds|trusts earlier pokes: late, not lost|-DTRUST_POKES -DSENDS=2
END
}

push_cases() {
	cat <<'END'
P1|holds|push: a lapse, a cut|-DCRASHES=0
P2|holds|push: a crash|-DLAPSES=0 -DCUTS=0
P3|holds|push: somebody is muted|-DMUTES=1 -DSENDS=1 -DCUTS=0
P4|holds|push: asked for once, twice|-DONCES=2 -DSENDS=1 -DMOVES=0
P9|holds|push: a device is registered|-DREGISTERS=1 -DCRASHES=0 -DMOVES=1
P40|holds|push: a mark expires|-DREGISTERS=1 -DEXPIRIES=1 -DSENDS=1 -DCRASHES=0 -DLAPSES=0
full P41|holds|push: a device is registered, a crash|-DREGISTERS=1
full P5|holds|push: a crash, a lapse, a cut|
full P6|holds|push: muted, two messages|-DMUTES=1
full P7|holds|push: asked for once, twice, and moves|-DONCES=2
full P8|holds|push: three messages, three moves|-DSENDS=3 -DMOVES=3 -DCRASHES=0
P10|fails|notify: notified before the entry|-DSET_FIRST
P11|fails|notify: the high band lowers a claimed score|-DHIGH_LOWERS
P12|fails|disconnect lowers a claimed score|-DGO_LOWERS
P13|fails|settle lowers a claimed score|-DSETTLE_LOWERS
P14|fails|wake lowers a claimed score|-DWAKE_LOWERS -DMUTES=1
P15|fails|disconnect asks for nothing|-DGO_SILENT
P16|fails|route asks for nothing who is online|-DONLINE_SILENT
P17|fails|take goes by what was asked for|-DWANT_NOTIFIED
P18|fails|take does not ask whether something waits|-DTAKE_BLINDLY -DUNCHECKED
P19|fails|take forgets a badge|-DTAKE_FORGETS -DSENDS=1 -DCUTS=0
P20|fails|take: a lapsed claim has shown nothing|-DLAPSE_UNSHOWN -DSENDS=1 -DCUTS=0
P21|fails|a request without another look|-DUNCHECKED
P22|fails|done does not compare the claim|-DDONE_BLINDLY
P23|fails|a claim is counted in the hash|-DCOUNTED -DREGISTERS=1 -DCRASHES=0 -DCUTS=0 -DMOVES=0
P24|fails|done does not look for what came meanwhile|-DDONE_FORGETS
P25|fails|done does not look at an emptied mailbox|-DDONE_KEEPS -DSENDS=1 -DCUTS=0
P26|fails|done does not know that it was woken|-DDONE_DEAF -DMUTES=1 -DSENDS=1 -DCUTS=0 -DMOVES=0
P27|fails|done removes what was asked for meanwhile|-DDONE_ANY -DONCES=2 -DSENDS=1 -DMOVES=0 -DCUTS=0
P28|fails|ack does not settle|-DSETTLE_NEVER -DSENDS=1 -DCUTS=0
P29|fails|settle waits as long as the entry|-DSETTLE_NX -DMUTES=1 -DMOVES=0 -DCUTS=0 -DCRASHES=0
P30|fails|take leaves a claim that lapsed|-DLAPSE_KEPT -DMUTES=1 -DSENDS=1 -DCUTS=0
P38|fails|take leaves a claim that lapsed, registered|-DLAPSE_KEPT -DREGISTERS=1 -DCRASHES=0 -DCUTS=0 -DSENDS=1
P31|fails|done marks although it was woken|-DDONE_DEAF -DREGISTERS=1 -DLAPSES=0 -DCRASHES=0 -DCUTS=0
P32|fails|a registration leaves the mark|-DREGISTER_SILENT -DREGISTERS=1 -DSENDS=1 -DMOVES=0
P33|fails|a registration makes no entry|-DREGISTER_SHY -DREGISTERS=1 -DSENDS=1 -DMOVES=0
P34|fails|a registration wakes no claim|-DREGISTER_DEAF -DREGISTERS=1 -DSENDS=1 -DMOVES=0
P35|fails|a registration lowers a claimed score|-DREGISTER_LOWERS -DREGISTERS=1 -DONCES=1 -DSENDS=1 -DMOVES=0
P36|fails|a registration asks for what is in ingress|-DREGISTER_AHEAD -DREGISTERS=1 -DCRASHES=0 -DMOVES=0 -DCUTS=0
P37|fails|a registration behind the mark's end does nothing|-DREGISTER_KNOWN -DREGISTERS=1 -DEXPIRIES=1 -DSENDS=1 -DMOVES=0 -DCRASHES=0
END
}

spin_cases() {
	presence_cases
	push_cases
}

say() { # ok|FAIL name what outcome states seconds
	printf '%-4s %-5s %-46s %-50s%9s states %5.1f s\n' "$@"
}

# Build and run one case of a model in spin; prints its line.
by_spin() { # directory name must what flags
	dir=$1/$2 name=$2 must=$3 what=$4 flags=$5 verdict=FAIL
	case $name in P*) model=push.pml ;; *) model=presence.pml ;; esac
	mkdir -p "$dir"
	cp "tests/model/$model" "$dir"
	begun=$(date +%s%N)
	(
		cd "$dir"
		# shellcheck disable=SC2086 # flags are words
		spin -a $flags $model &&
			$CC -O1 -w -DBFS -DSAFETY -DNOREDUCE -DMEMLIM=8000 \
				$PAN -o pan pan.c && ./pan -E -m1000000
	) >"$dir/log" 2>&1 || true
	ended=$(date +%s%N)
	errors=$(sed -n 's/.*errors: \([0-9]*\)$/\1/p' "$dir/log")
	states=$(sed -n 's/^ *\([0-9]*\) states, stored.*/\1/p' "$dir/log")
	steps=$(sed -n 's/^pan:1: .*at depth \([0-9]*\)).*/\1/p' "$dir/log")
	if [ -n "$steps" ]; then
		outcome="fails, $steps steps"
	elif [ "$errors" = 0 ] && ! grep -Eq 'MEMLIM bound|out of memory' \
		"$dir/log"; then
		outcome=holds
	else
		outcome="no result: $(tail -n 1 "$dir/log")"
	fi
	case $outcome in "$must"*) verdict=ok ;; esac
	say $verdict "$name" "$what" "$outcome" "${states:--}" \
		"$(((ended - begun) / 100000000))e-1"
	if [ -n "$steps" ] && { [ $verdict = FAIL ] || [ -n "$TRACE" ]; }; then
		# shellcheck disable=SC2086
		(cd "$dir" && spin -t -T $flags $model) |
			sed -n '/^spin: trail/d;/Error/q;s/^[a-zA-Z]/    &/p'
	fi
	rm -rf "$dir"
}

# One case, by name: this is what xargs starts.
if [ "${1-}" = --job ]; then
	work=$2 name=$3
	line=$(spin_cases | sed 's/^full //' | grep "^$name|" || true)
	if [ -z "$line" ]; then
		case $name in
		T*) program=clock ;;
		R*) program=session ;;
		*) program=mailbox ;;
		esac
		# shellcheck disable=SC2086 # empty or one word
		"$work/$program" $TRACE "$name" >"$work/$name.out" || true
	else
		echo "$line" | {
			IFS='|' read -r name must what flags
			by_spin "$work" "$name" "$must" "$what" "$flags"
		} >"$work/$name.out"
	fi
	cat "$work/$name.out"
	exit 0
fi

TRACE=
if [ "${1-}" = --trace ]; then
	TRACE=--trace
	shift
fi
PAN=
if [ "${MODEL-}" = full ]; then
	PAN=-DCOLLAPSE # a third of the memory, three times as long
fi
export TRACE CC PAN
for tool in "$CC" spin; do
	if ! command -v "$tool" >/dev/null; then
		echo "model: $tool is missing (Debian packages gcc, spin)" >&2
		exit 1
	fi
done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
$CC -std=c11 -O2 -D_GNU_SOURCE -I. -o "$work/mailbox" tests/model/mailbox*.c
$CC -std=c11 -O2 -D_GNU_SOURCE -I. -o "$work/clock" tests/model/clock.c \
	worker/sweep_clock.c
$CC -std=c11 -O2 -D_GNU_SOURCE -I. -o "$work/session" tests/model/session*.c \
	tests/model/search.c

if [ $# -gt 0 ]; then
	printf '%s\n' "$@"
elif [ "${MODEL-}" = full ]; then
	spin_cases | sed 's/^full //;s/|.*//'
	"$work/mailbox" --full --list
	"$work/clock" --list
	"$work/session" --full --list
else
	spin_cases | sed '/^full /d;s/|.*//'
	"$work/mailbox" --list
	"$work/clock" --list
	"$work/session" --list
fi >"$work/names"
xargs -P "${JOBS:-2}" -n 1 sh "$0" --job "$work" <"$work/names"

passed=$(cat "$work"/*.out | grep -c '^ok ' || true)
failed=$(($(wc -l <"$work/names") - passed))
echo "model: $passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
