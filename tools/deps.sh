#!/bin/sh
# Install the Debian packages that are missing here, and nothing else.
#
# usage: tools/deps.sh run|test|dev|bench|browser|deb [nginx|lighttpd]
#
# As root it installs without a question; otherwise it prints the command and
# stops. No service is started, enabled or replaced: a package that is not
# there yet comes in under a policy that denies every start and a preset that
# enables nothing, and both go again afterwards.
set -eu

kind=${1:-run}
web=${2:-nginx}
missing=

# need PACKAGE PROBE…: any probe that is there makes the package unnecessary.
# A probe is a command, or a file under /usr/include, /usr/lib or /usr/share with
# a /.
need() {
	package=$1
	shift
	for probe in "$@"; do
		case $probe in
		*/*)
			for file in "/usr/include/$probe" /usr/include/*/"$probe" \
				"/usr/local/include/$probe" "/usr/lib/$probe" \
				"/usr/share/$probe"; do
				[ -e "$file" ] && return 0
			done ;;
		*)
			PATH=$PATH:/usr/sbin:/sbin command -v "$probe" \
				>/dev/null 2>&1 && return 0 ;;
		esac
	done
	missing="$missing $package"
}

need_web() {
	case $1 in
	nginx) need nginx nginx ;;
	lighttpd)
		need lighttpd lighttpd
		need lighttpd-modules-lua ./lighttpd/mod_magnet.so ;;
	*)
		echo "deps: the web server is nginx or lighttpd, not $1" >&2
		exit 2 ;;
	esac
}

need_build() {
	need gcc gcc
	need make make
	need libc6-dev ./stdio.h
	need libhiredis-dev hiredis/hiredis.h
	need libsqlite3-dev ./sqlite3.h
	need libyaml-dev ./yaml.h
	need libssl-dev openssl/evp.h
	need libargon2-dev ./argon2.h
	need libev-dev ./ev.h
	need libjson-c-dev json-c/json.h
	need libjwt-dev ./jwt.h
	need libcurl4-openssl-dev curl/curl.h
	need zlib1g-dev ./zlib.h
	need python3 python3
}

need_run() {
	need_build
	need redis-server redis-server
	need tzdata zoneinfo/UTC
}

need_test() {
	need libcmocka-dev ./cmocka.h
	need libfcgi-dev ./fcgiapp.h
	need spin spin
	need mandoc mandoc
	need openssl openssl
	need python3-yaml ./python3/dist-packages/yaml/__init__.py
	need python3-cryptography \
		./python3/dist-packages/cryptography/__init__.py
}

# What benchmarks compare with, and what draws their plots.
need_bench() {
	need libfcgi-dev ./fcgiapp.h
	need golang-go go
	need golang-github-gomodule-redigo-dev \
		gocode/src/github.com/gomodule/redigo/redis/conn.go
	need golang-github-gorilla-websocket-dev \
		gocode/src/github.com/gorilla/websocket/conn.go
	need golang-github-golang-jwt-jwt-dev \
		gocode/src/github.com/golang-jwt/jwt/token.go
	need nodejs node
	need node-ws nodejs/ws/package.json
	need libnginx-mod-nchan nginx/modules/ngx_nchan_module.so
	need gnuplot-nox gnuplot
	need git git
}

case $kind in
run)
	need_run
	need_web "$web" ;;
test)
	need_run
	need_test
	need_web nginx
	need_web lighttpd ;;
dev)
	need_run
	need_test
	need_web nginx
	need_web lighttpd
	need clang clang
	need clang-format clang-format
	need clang-tidy clang-tidy
	need git git ;;
bench)
	need_run
	need_web nginx
	need_bench ;;
browser)
	need_run
	need_web "$web"
	need nodejs node
	need firefox-esr firefox-esr ;;
deb)
	need_build
	need debhelper dh
	need dpkg-dev dpkg-buildpackage
	# dpkg-buildpackage asks for it by its name.
	need build-essential build-essential/list ;;
*)
	echo "usage: tools/deps.sh run|test|dev|bench|browser|deb" \
		"[nginx|lighttpd]" >&2
	exit 2 ;;
esac

[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null 2>&1; then
	echo "deps: these Debian packages, or what corresponds to them here," \
		"are missing:$missing" >&2
	exit 1
fi
if [ "$(id -u)" != 0 ]; then
	echo "deps: packages are missing. Install them with" >&2
	echo "  sudo $0 $kind $web" >&2
	echo "which runs" >&2
	echo "  apt-get install --no-install-recommends$missing" >&2
	exit 1
fi

echo "deps: installing$missing"

policy=/usr/sbin/policy-rc.d
preset=/etc/systemd/system-preset/00-waypost.preset
made_policy=
made_preset=
made_folder=
log=$(mktemp)

clean_up() {
	[ -z "$made_policy" ] || rm -f "$policy"
	[ -z "$made_preset" ] || rm -f "$preset"
	[ -z "$made_folder" ] || rmdir "${preset%/*}"
	rm -f "$log"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

if [ ! -e "$policy" ]; then
	made_policy=yes
	printf '#!/bin/sh\nexit 101\n' >"$policy"
	chmod 755 "$policy"
fi
if [ ! -e "$preset" ]; then
	if [ ! -d "${preset%/*}" ]; then
		mkdir -p "${preset%/*}"
		made_folder=yes
	fi
	made_preset=yes
	echo 'disable *' >"$preset"
fi

# Another apt may hold the lists: that lock has no waiting option.
try=1
until apt-get -q update >"$log" 2>&1; do
	if [ "$try" -ge 30 ]; then
		cat "$log" >&2
		echo "deps: apt-get update failed; trying with the old lists" >&2
		break
	fi
	grep -q 'lists/lock' "$log" || try=$((try + 9))
	try=$((try + 1))
	sleep 2
done

# --no-remove: what is here stays, even when a package would replace it.
# shellcheck disable=SC2086 # the names are separate words
if ! RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get -q -y \
	-o DPkg::Lock::Timeout=300 -o Dpkg::Options::=--force-confold \
	install --no-install-recommends --no-remove $missing >"$log" 2>&1; then
	cat "$log" >&2
	echo "deps: apt-get install failed" >&2
	exit 1
fi

# Presets are systemd's; SysV start links are made whatever they say.
for package in $missing; do
	case $package in
	nginx | lighttpd | redis-server)
		[ ! -e "/etc/init.d/$package" ] ||
			update-rc.d "$package" disable >/dev/null 2>&1 || : ;;
	esac
done
