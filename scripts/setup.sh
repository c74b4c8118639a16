#!/bin/bash
# make setup: what building and testing need, and nothing that is there already. npm packages come from package-lock.json, the peers
# and tools of the tests from the distribution. No service stays running because of it.
set -eu
cd "$(dirname "$0")/.."

# command -> Debian package; a command that is there is left as it is.
parts=(
	gcc:gcc /usr/include/stdio.h:libc6-dev git:git python3:python3 jq:jq strace:strace script:bsdutils busybox:busybox-static
	xz:xz-utils bzip2:bzip2 skopeo:skopeo docker-registry:docker-registry mmdebstrap:mmdebstrap mkfs.erofs:erofs-utils umoci:umoci crun:crun runc:runc
	podman:podman conmon:conmon buildah:buildah dockerd:docker.io /usr/bin/docker:docker-cli containerd:containerd
	systemd-nspawn:systemd-container depmod:kmod qemu-system-x86_64:qemu-system-x86 mke2fs:e2fsprogs criu:criu
	gpg:gpg gpg-agent:gpg-agent openssl:openssl
)
[ "${1:-}" = build ] && parts=(gcc:gcc /usr/include/stdio.h:libc6-dev)

present() {
	case $1 in
	/*) [ -e "$1" ] ;;
	*) command -v "$1" >/dev/null 2>&1 || [ -x "/usr/sbin/$1" ] || [ -x "/sbin/$1" ] ;;
	esac
}

missing=()
for part in "${parts[@]}"; do
	present "${part%%:*}" || missing+=("${part##*:}")
done

if [ ${#missing[@]} -gt 0 ]; then
	if ! command -v apt-get >/dev/null 2>&1; then
		echo "setup: this machine has no apt-get; please install what matches these Debian packages: ${missing[*]}" >&2
		exit 1
	fi
	if [ "$(id -u)" != 0 ]; then
		echo "setup: as root: apt-get install ${missing[*]}" >&2
		exit 1
	fi
	# A package must not start a service or bind a port here. policy-rc.d is Debian's switch for that; one that is there is kept.
	policy=/usr/sbin/policy-rc.d
	if [ ! -e $policy ]; then
		printf '#!/bin/sh\nexit 101\n' >$policy
		chmod 755 $policy
		trap 'rm -f $policy' EXIT
	fi
	export DEBIAN_FRONTEND=noninteractive
	# Debian 12's docker.io has docker's client in it; from 13 on docker-cli has.
	install() {
		local packages=("${missing[@]}")
		apt-cache show docker-cli >/dev/null 2>&1 || packages=("${packages[@]/#docker-cli/docker.io}")
		apt-get install -y -q --no-install-recommends "${packages[@]}"
	}
	# A machine that never fetched the lists fetches them first; one with old lists when they turn out to be too old.
	compgen -G '/var/lib/apt/lists/*Packages*' >/dev/null || apt-get update -q
	install || { apt-get update -q && install; }
	# nor at the next boot
	if command -v systemctl >/dev/null 2>&1; then
		for service in docker-registry docker containerd podman; do
			case " ${missing[*]} " in
			*" $service "* | *" $service.io "*) systemctl disable "$service.service" "$service.socket" >/dev/null 2>&1 || true ;;
			esac
		done
	fi
fi

if ! command -v npm >/dev/null 2>&1; then
	echo "setup: npm is missing; install Node.js 18 or newer with npm (Debian: apt-get install nodejs npm)" >&2
	exit 1
fi
if [ ! -e node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
	npm ci --no-audit --no-fund
	touch node_modules/.package-lock.json
fi
bun=$(scripts/find-bun.sh)
if [ -z "$bun" ]; then
	echo "setup: npm installed no working Bun for $(uname -sm)" >&2
	exit 1
fi
echo "setup: complete (Bun $("$bun" --version), $(gcc --version | head -1))"
