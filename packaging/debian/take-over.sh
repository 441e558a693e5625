#!/bin/sh
# Have the daemon that runs start the one that is installed now, which takes over:
# nobody is refused meanwhile, and each client moves at its time.
#
# usage: take-over.sh UNIT-OF-BEFORE
#
# What its unit says is settled at a start only, so it is restarted where the unit
# is not that of before, or it knows no such thing as a successor.
set -eu

unit=waypost-ws.service

# Does this process await the signal (12)? Others die of it.
awaits() {
	masks=$(sed -n 's/^Sig\(Cgt\|Blk\):[[:space:]]*/0x/p' \
		"/proc/$1/status" 2>/dev/null) || return 1
	for mask in $masks; do
		[ $((mask >> 11 & 1)) -eq 0 ] || return 0
	done
	return 1
}

systemctl is-active --quiet $unit || exit 0
# May services be restarted here? As deb-systemd-invoke asks.
if [ -x /usr/sbin/policy-rc.d ]; then
	code=0
	/usr/sbin/policy-rc.d $unit restart || code=$?
	[ $code -ne 101 ] || exit 0
fi
pid=$(systemctl show -P MainPID $unit)
if ! cmp -s "/lib/systemd/system/$unit" "$1" || ! awaits "$pid"; then
	deb-systemd-invoke restart $unit
	exit
fi
systemctl kill --kill-whom=main --signal=USR2 $unit
# A successor that does not come up changes nothing, and one that waits for Redis
# does so for a minute: whoever installs does not.
for _ in $(seq 50); do
	[ "$(systemctl show -P MainPID $unit)" = "$pid" ] || exit 0
	sleep 0.1
done
echo "waypost: waypost-ws goes on as it was, for its successor does not serve" \
	"yet. Should none come (journalctl -u waypost-ws): systemctl restart" \
	"waypost-ws" >&2
