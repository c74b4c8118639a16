// dockerd and podman with systemd's cgroup driver in a booted guest: they call the runtime with --systemd-cgroup.

import { afterAll, beforeAll, expect } from "bun:test";
import { cpSync } from "node:fs";
import { fixture } from "../support/fixture.ts";
import { installed, testWhen } from "../support/skip.ts";
import { bootNspawn, type Guest } from "./nspawn.ts";

const reason =
	process.getuid?.() !== 0
		? "it needs root"
		: installed("systemd-nspawn") && installed("mmdebstrap")
			? undefined
			: "not installed: systemd-nspawn or mmdebstrap";
const inGuest = testWhen(reason === undefined, reason ?? "");
let guest: Guest;

beforeAll(async () => {
	if (reason !== undefined) return;
	guest = await bootNspawn();
	cpSync(`${fixture("busybox")}/docker.tar`, `${guest.share}/docker.tar`);
}, 120_000);
afterAll(() => guest?.[Symbol.asyncDispose]());

/** Runs a script in the guest under `bash -e`. @returns its output's lines; @throws when it fails */
async function lines(script: string): Promise<string[]> {
	const { status, stdout, stderr } = await guest.run(["bash", "-e", "-c", script], { timeoutMs: 100_000 });
	if (status !== 0) throw new Error(`status ${status}\n${stdout}${stderr}`);
	return stdout.trim().split("\n");
}

inGuest("dockerd with native.cgroupdriver=systemd", async () => {
	const start = [
		"systemd-run --quiet --unit=dockerd --property=Delegate=yes --setenv=PATH=$PATH",
		"dockerd -H unix:///run/d.sock --data-root /tmp/docker --exec-root /run/docker-exec --storage-driver vfs --bridge none --iptables=false --ip6tables=false",
		"--exec-opt native.cgroupdriver=systemd --add-runtime corten=/corten/corten-runtime",
	].join(" ");
	const seen = await lines(`export DOCKER_HOST=unix:///run/d.sock
		${start}
		for i in $(seq 200); do docker version >/dev/null 2>&1 && break; sleep 0.1; done
		docker load -q -i /share/docker.tar >/dev/null
		for runtime in corten runc; do
			id=$(docker run -d --runtime $runtime -m 64m --name $runtime --network none busybox sleep 1000)
			systemctl show docker-$id.scope --property=ActiveState,Slice,MemoryLimit | sort | xargs
			docker exec $runtime sh -c 'exit 5' || echo exec $?
			docker pause $runtime >/dev/null; docker inspect -f '{{.State.Status}}' $runtime; docker unpause $runtime >/dev/null
			docker rm -f $runtime >/dev/null
			systemctl show docker-$id.scope --property=ActiveState
		done
		systemctl stop dockerd`);
	expect(seen.slice(0, 4)).toEqual(seen.slice(4));
	expect(seen.slice(0, 4)).toEqual([
		"ActiveState=active MemoryLimit=67108864 Slice=system.slice",
		"exec 5",
		"paused",
		"ActiveState=inactive",
	]);
});

inGuest("podman with --cgroup-manager systemd", async () => {
	const seen = await lines(`cd /tmp
		podman() { command podman --cgroup-manager systemd --events-backend file --storage-driver vfs "$@"; }
		limits="--ulimit nofile=1024:1024 --ulimit nproc=1024:1024"
		podman load -q -i /share/docker.tar >/dev/null
		for runtime in /corten/corten-runtime runc; do
			id=$(podman --runtime $runtime run -d $limits -m 64m --name one --network none busybox sleep 1000)
			systemctl show libpod-$id.scope --property=ActiveState,Slice,MemoryLimit | sort | xargs
			podman --runtime $runtime exec one sh -c 'exit 5' || echo exec $?
			podman --runtime $runtime rm -f -t 0 one >/dev/null
			systemctl show libpod-$id.scope --property=ActiveState
		done`);
	expect(seen.slice(0, 3)).toEqual(seen.slice(3));
	expect(seen.slice(0, 3)).toEqual(["ActiveState=active MemoryLimit=67108864 Slice=machine.slice", "exec 5", "ActiveState=inactive"]);
});
