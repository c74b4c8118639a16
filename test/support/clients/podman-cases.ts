// What podman is asked, and what that shows.

import type { Podman } from "./podman.ts";
import { until } from "./scratch.ts";

const words = (line: string) => line.split(" ").filter((word) => word !== "");

/** Options of `podman run`, a script that looks at their effect, and what it shows. */
export const podmanOptions: readonly {
	readonly options: readonly string[];
	readonly script: string;
	readonly shows: RegExp;
	readonly input?: string;
}[] = [
	{ options: [], script: "echo out; echo err >&2; exit 7", shows: /^out\n$/ },
	{ options: ["-i"], script: "cat; exit 3", shows: /^words\n$/, input: "words\n" },
	{ options: ["-t"], script: "tty; test -t 2 && echo terminal", shows: /^\/dev\/pts\/0\r\nterminal\r\n$/ },
	{ options: [], script: "kill -9 $$", shows: /^$/ },
	{
		options: [],
		script: "grep -E '^(Cap|Seccomp:|NoNewPrivs)' /proc/self/status; env | grep -v HOSTNAME | sort; umask",
		shows: /Seccomp:\s2/,
	},
	{
		options: words("--user 1000:2000 --group-add 3000 -w /tmp -e A=1"),
		script: "id -u; id -G; pwd; echo $A $HOME",
		shows: /^1000\n.*3000/,
	},
	{
		options: words("--cap-drop all --cap-add net_raw --security-opt no-new-privileges"),
		script: "grep -E '^(Cap|NoNew)' /proc/self/status",
		shows: /NoNewPrivs:\s1/,
	},
	{
		options: words("--read-only --tmpfs /t:size=1m"),
		script: "touch /x 2>&1; touch /t/x && df -k /t | tail -1 | awk '{print $2}'",
		shows: /Read-only[\s\S]*1024/,
	},
	{ options: words("-v /usr/share:/mnt:ro"), script: "touch /mnt/x 2>&1; ls -d /mnt/doc", shows: /Read-only/ },
	{
		options: words("-m 64m --memory-swap 64m --pids-limit 30"),
		script: "cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max 2>/dev/null",
		shows: /67108864/,
	},
	{
		options: words("--hostname some --ulimit nofile=100:200 --ulimit nproc=1000:1000 --sysctl kernel.shmmni=77"),
		script: "hostname; ulimit -n; cat /proc/sys/kernel/shmmni",
		shows: /^some\n100\n77\n$/,
	},
	{
		options: words("--pid host --uts host --ipc host"),
		script: "test $(ls /proc 2>/dev/null | grep -c '^[0-9]') -gt 10 && echo many",
		shows: /many/,
	},
	{
		options: words("--uidmap 0:100000:5000 --gidmap 0:200000:5000"),
		script: "cat /proc/self/uid_map /proc/self/gid_map; id -u; touch /x && stat -c %u /x",
		shows: /100000\s+5000/,
	},
	{ options: words("--cgroupns private"), script: "grep -c ':/$' /proc/self/cgroup", shows: /^[1-9]/ },
	{ options: words("--device /dev/loop-control:/dev/lc:r"), script: "ls -l /dev/lc | cut -c1", shows: /^c\n/ },
	{ options: words("--preserve-fds 1"), script: "echo fine", shows: /fine/ },
].filter(({ options }) => options[0] !== "--preserve-fds");

const forever = "trap 'exit 9' TERM; echo ready; while :; do sleep 0.1; done";
const state = "{{.State.Status}} {{.State.ExitCode}} {{.State.OOMKilled}}";

async function detached({ must, world }: Podman, name: string, options: readonly string[], script: string): Promise<string> {
	const id = await must("run", "-d", "--network", "none", "--name", name, ...options, "busybox", "sh", "-c", script);
	world.ids.push(id);
	return id;
}

async function ready({ must }: Podman, name: string): Promise<void> {
	await until("the payload is ready", async () => ((await must("logs", name)).includes("ready") ? true : undefined));
}

/** What podman does to a container that is there. */
export const podmanLife: readonly { readonly name: string; observe(podman: Podman): Promise<unknown>; readonly shows: unknown }[] = [
	{
		name: "run -d, exec, stop, start, kill, rm",
		observe: async (podman) => {
			const { must, podman: call } = podman;
			await detached(podman, "life", [], forever);
			await ready(podman, "life");
			const exec = await call(["exec", "-e", "A=b", "-w", "/tmp", "-u", "web", "life", "sh", "-c", "id -un; pwd; echo $A; exit 5"]);
			const terminal = await call(["exec", "-t", "life", "tty"]);
			const stdin = await call(["exec", "-i", "life", "cat"], { input: "words" });
			const absent = await call(["exec", "life", "nosuch"]);
			const running = await must("inspect", "--format", state, "life");
			await must("stop", "-t", "10", "life");
			const stopped = await must("inspect", "--format", state, "life");
			await must("start", "life");
			await must("kill", "-s", "KILL", "life");
			const wait = await must("wait", "life");
			await must("rm", "life");
			return {
				exec: [exec.status, exec.stdout],
				terminal: terminal.stdout,
				stdin: stdin.stdout,
				absent: absent.status,
				running,
				stopped,
				wait,
			};
		},
		shows: {
			exec: [5, "web\n/tmp\nb\n"],
			terminal: "/dev/pts/0\r\n",
			stdin: "words",
			absent: 127,
			running: "running 0 false",
			stopped: "exited 9 false",
			wait: "137",
		},
	},
	{
		name: "pause, unpause, top, stats, update",
		observe: async (podman) => {
			const { must, podman: call } = podman;
			await detached(podman, "held", ["-m", "64m"], forever);
			await ready(podman, "held");
			await must("pause", "held");
			const paused = await must("inspect", "--format", state, "held");
			const exec = await call(["exec", "held", "true"]);
			await must("unpause", "held");
			const after = await must("inspect", "--format", state, "held");
			const top = /echo ready/.test(await must("top", "held", "args"));
			await must("rm", "-f", "-t", "0", "held");
			return { paused, exec: exec.status !== 0, after, top };
		},
		shows: { paused: "paused 0 false", exec: true, after: "running 0 false", top: true },
	},
	{
		name: "a memory limit is enforced",
		observe: async (podman) => {
			await detached(podman, "oom", ["-m", "24m", "--memory-swap", "24m"], "tail /dev/zero");
			const wait = await podman.must("wait", "oom");
			await podman.must("rm", "oom");
			return wait;
		},
		shows: "137",
	},
	{
		name: "a pod's containers share its namespaces",
		observe: async (podman) => {
			const { must } = podman;
			await must("pod", "create", "--name", "pod", "--infra=false", "--share", "");
			const first = await must(
				"run",
				"-d",
				"--pod",
				"pod",
				"--network",
				"none",
				"--name",
				"one",
				"--hostname",
				"one",
				"busybox",
				"sh",
				"-c",
				forever,
			);
			podman.world.ids.push(first);
			const join = ["--network", "container:one", "--ipc", "container:one", "--pid", "container:one", "--uts", "container:one"];
			const seen = await must(
				"run",
				"--rm",
				"--pod",
				"pod",
				...join,
				"busybox",
				"sh",
				"-c",
				"hostname; ps | grep -q '[e]cho ready' && echo 1",
			);
			await must("pod", "rm", "-f", "-t", "0", "pod");
			return seen;
		},
		shows: "one\n1",
	},
];
