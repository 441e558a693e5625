#!/bin/sh
# Build the Debian packages of this tree into a folder.
#
# usage: packaging/debian/build.sh FOLDER
#
# The tree is copied, so that debian/ stands in its root only there. What the
# environment's PACKAGE_VERSION says must be the version of the changelog, unless
# WAYPOST_DEB_VERSION gives these packages another one: two builds of one tree
# that differ in nothing else are what an upgrade is tried with.
set -eu

cd "$(dirname "$0")/../.."
mkdir -p "$1"
out=$(cd "$1" && pwd)
tree=$out/tree

said=$(dpkg-parsechangelog -l packaging/debian/changelog -S Version)
[ "$said" = "$PACKAGE_VERSION" ] || {
	echo "deb: the Makefile says $PACKAGE_VERSION," \
		"packaging/debian/changelog $said" >&2
	exit 1
}

rm -rf "$tree" "$out"/*.deb
mkdir "$tree"
tar -c --exclude=./build --exclude=./var --exclude=./.git \
	--exclude=__pycache__ . | tar -x -C "$tree"
mv "$tree/packaging/debian" "$tree/debian"
if [ -n "${WAYPOST_DEB_VERSION:-}" ]; then
	sed -i "1s/(.*)/($WAYPOST_DEB_VERSION)/" "$tree/debian/changelog"
fi
(cd "$tree" && dpkg-buildpackage -b -us -uc)
rm -rf "$tree"
