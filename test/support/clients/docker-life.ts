// What docker does to a container that is there: each entry plays one part of a life and says what a user saw of it.

import type { DockerWith } from "./docker.ts";
import { until } from "./scratch.ts";

/** A part of a container's life, what to write down of it, and what that must be. */
export type LifeCase = { readonly name: string; observe(docker: DockerWith): Promise<unknown>; readonly shows: unknown };

const forever = "trap 'exit 9' TERM; trap 'echo got hup' HUP; echo ready; while :; do sleep 0.1; done";

async function ready(docker: DockerWith, name: string, text = "ready"): Promise<void> {
	await until(`"${text}" in the log`, async () => ((await docker.docker(["logs", name])).stdout.includes(text) ? true : undefined));
}

const state = "{{.State.Status}} {{.State.Running}} {{.State.ExitCode}} {{.State.OOMKilled}}";

/** The life cases; each uses containers of its own. */
export const dockerLife: readonly LifeCase[] = [
	{
		name: "run -d, logs, stop by TERM: the payload's own status",
		observe: async (docker) => {
			const name = await docker.detached("stop", [], forever);
			await ready(docker, name);
			const before = await docker.inspect(name, state);
			await docker.must("stop", "-t", "10", name);
			const after = await docker.inspect(name, state);
			return { before, after, logs: await docker.must("logs", name), rm: await docker.must("rm", name) };
		},
		shows: { before: "running true 0 false", after: "exited false 9 false", logs: "ready", rm: "stop" },
	},
	{
		name: "stop of a payload that ignores TERM, kill by name and by number",
		observe: async (docker) => {
			const deaf = await docker.detached("deaf", [], "trap '' TERM; echo ready; while :; do sleep 0.1; done");
			const hup = await docker.detached("hup", [], forever);
			await Promise.all([ready(docker, deaf), ready(docker, hup)]);
			await docker.must("kill", "-s", "HUP", hup);
			await ready(docker, hup, "got hup");
			await docker.must("kill", "-s", "9", hup);
			await docker.must("stop", "-t", "1", deaf);
			const wait = await docker.must("wait", hup);
			const again = await docker.docker(["kill", hup]);
			const states = [await docker.inspect(deaf, state), await docker.inspect(hup, state)];
			await docker.must("rm", deaf, hup);
			return { states, wait, again: [again.status, /is not running/.test(again.stderr)] };
		},
		shows: { states: ["exited false 137 false", "exited false 137 false"], wait: "137", again: [1, true] },
	},
	{
		name: "exec: status, stdin, terminal, user, folder, environment, privileges, detached",
		observe: async (docker) => {
			const name = await docker.detached("exec", ["--cap-drop", "CHOWN", "--pids-limit", "60"], forever);
			await ready(docker, name);
			const exec = async (options: string[], command: string[], input?: string) => {
				const { status, stdout, stderr } = await docker.docker(
					["exec", ...options, name, ...command],
					input === undefined ? {} : { input },
				);
				return `${status} ${stdout}${stderr.replace(/^.*?(exec: )/s, "$1")}`.trim();
			};
			const seen = {
				plain: await exec([], ["sh", "-c", "echo out; echo err >&2; exit 5"]),
				stdin: await exec(["-i"], ["cat"], "words\n"),
				terminal: await exec(["-t"], ["sh", "-c", "test -t 0 && tty"]),
				user: await exec(["-u", "web", "-w", "/tmp", "-e", "A=b"], ["sh", "-c", "id -un; pwd; echo $A; grep CapEff /proc/self/status"]),
				caps: await exec([], ["grep", "-E", "^(Cap|Seccomp:)", "/proc/self/status"]),
				privileged: /CapEff:\t0000(?!0000a80425fa)|126 .*operation not permitted/.test(
					await exec(["--privileged"], ["grep", "CapEff", "/proc/self/status"]),
				),
				cgroup: await exec([], ["sh", "-c", "cmp /proc/1/cgroup /proc/self/cgroup && echo same"]),
				namespaces: await exec(
					[],
					[
						"sh",
						"-c",
						'for n in mnt pid net ipc uts; do test "$(readlink /proc/1/ns/$n)" = "$(readlink /proc/self/ns/$n)" || echo $n; done',
					],
				),
				signal: await exec([], ["sh", "-c", "kill -9 $$"]),
				absent: (await exec([], ["nosuch"])).replace(
					/ .*"nosuch": .*(executable file not found in \$PATH|no such file or directory).*/,
					" nosuch",
				),
				refused: (await exec([], ["/etc/not-executable"])).replace(/ .*\/etc\/not-executable.*permission denied.*/, " not-executable"),
				folder: (await exec(["-w", "/no/such"], ["true"])).slice(0, 3),
				detached: await exec(["-d"], ["sh", "-c", "echo later > /tmp/later"]),
				later: await until("what exec -d wrote", async () => {
					const text = await exec([], ["cat", "/tmp/later"]);
					return text.startsWith("0 ") && text !== "0" ? text : undefined;
				}),
			};
			await docker.must("rm", "-f", name);
			const gone = await docker.docker(["exec", name, "true"]);
			return { ...seen, gone: gone.status };
		},
		shows: {
			plain: "5 out\nerr",
			stdin: "0 words",
			terminal: "0 /dev/pts/0",
			user: "0 web\n/tmp\nb\nCapEff:\t0000000000000000",
			caps: exactCapabilities("00000000a80425fa"),
			privileged: true,
			cgroup: "0 same",
			namespaces: "0",
			signal: "137",
			absent: "126 nosuch",
			refused: "126 not-executable",
			folder: "126",
			detached: "0",
			later: "0 later",
			gone: 1,
		},
	},
	{
		name: "pause holds still, exec is refused meanwhile, unpause goes on",
		observe: async (docker) => {
			const name = await docker.detached("pause", ["--tmpfs", "/t"], "echo ready; while :; do echo x >> /t/count; sleep 0.02; done");
			await ready(docker, name);
			await docker.must("pause", name);
			const paused = await docker.inspect(name, "{{.State.Status}} {{.State.Paused}}");
			const pid = await docker.inspect(name, "{{.State.Pid}}");
			const count = async () => (await Bun.file(`/proc/${pid}/root/t/count`).text()).length;
			const held = await count();
			const exec = await docker.docker(["exec", name, "true"]);
			const still = (await count()) === held;
			await docker.must("unpause", name);
			await until("the counter goes on", async () => ((await count()) > held ? true : undefined));
			const after = await docker.inspect(name, state);
			await docker.must("pause", name);
			await docker.must("rm", "-f", name);
			return { paused, exec: [exec.status, /is paused/.test(exec.stderr)], still, after };
		},
		shows: { paused: "paused true", exec: [1, true], still: true, after: "running true 0 false" },
	},
	{
		name: "update: memory, cpus, pids, restart policy",
		observe: async (docker) => {
			const name = await docker.detached("update", ["-m", "64m", "--memory-swap", "64m"], forever);
			await ready(docker, name);
			const look = async () =>
				(
					await docker.docker([
						...["exec", name, "sh", "-c"],
						"cd /sys/fs/cgroup; cat memory/memory.limit_in_bytes memory.max cpu/cpu.cfs_quota_us cpu.max cpu/cpu.shares pids/pids.max pids.max 2>/dev/null",
					])
				).stdout.trim();
			const before = await look();
			await docker.must(
				"update",
				"-m",
				"128m",
				"--memory-swap",
				"256m",
				"--cpus",
				"0.25",
				"--cpu-shares",
				"512",
				"--pids-limit",
				"33",
				name,
			);
			const after = await look();
			await docker.must("rm", "-f", name);
			return {
				before: /67108864/.test(before),
				after: [/134217728/.test(after), /25000/.test(after), /512|25000 100000/.test(after), after !== before],
			};
		},
		shows: { before: true, after: [true, true, true, true] },
	},
	{
		name: "a memory limit is enforced, and the kill is reported",
		observe: async (docker) => {
			// Neither before the start is over nor with the container's own end: containerd hears of a kill only while it listens, and forgets one
			// whose cgroup has gone when it looks.
			const waiting = (file: string) => `until [ -e ${file} ]; do sleep 0.05; done`;
			const script = `${waiting("/go")}; tail /dev/zero; status=$?; ${waiting("/end")}; exit $status`;
			const name = await docker.detached("oom", ["-m", "24m", "--memory-swap", "24m"], script);
			await docker.must("exec", name, "touch", "/go");
			const filters = ["--filter", `container=${name}`, "--filter", "event=oom", "--format", "{{.Status}}"];
			await until("the report of the kill", async () => {
				const now = String(Math.floor(Date.now() / 1000) + 1);
				return (await docker.must("events", "--since", "0", "--until", now, ...filters)).includes("oom") ? true : undefined;
			});
			await docker.must("exec", name, "touch", "/end");
			const wait = await docker.must("wait", name);
			const seen = await docker.inspect(name, state);
			await docker.must("rm", name);
			return { wait, seen };
		},
		shows: { wait: "137", seen: "exited false 137 true" },
	},
	{
		name: "stats counts memory and processes; top lists them",
		observe: async (docker) => {
			const name = await docker.detached("stats", ["-m", "64m"], `sleep 1000 & ${forever}`);
			await ready(docker, name);
			const stats = await docker.must("stats", "--no-stream", "--format", "{{.MemUsage}} {{.PIDs}} {{.MemPerc}}", name);
			const top = await docker.must("top", name, "-o", "pid,args");
			await docker.must("rm", "-f", name);
			return { limit: / \/ 64MiB /.test(stats), some: !/^0B/.test(stats), pids: /MiB [2-4] /.test(stats), top: /sleep 1000/.test(top) };
		},
		shows: { limit: true, some: true, pids: true, top: true },
	},
	{
		name: "restart: by command, and by policy after a failure",
		observe: async (docker) => {
			const name = await docker.detached("restart", ["--restart", "on-failure:2"], "echo ready; exit 3");
			await until("two restarts and the end", async () => {
				const text = await docker.inspect(name, "{{.RestartCount}} {{.State.Status}}");
				return text === "2 exited" ? true : undefined;
			});
			const logs = await docker.must("logs", name);
			const again = await docker.detached("again", [], forever);
			await ready(docker, again);
			const first = await docker.inspect(again, "{{.State.Pid}}");
			await docker.must("restart", "-t", "5", again);
			const other = (await docker.inspect(again, "{{.State.Pid}}")) !== first;
			const after = await docker.inspect(again, state);
			await docker.must("rm", "-f", name, again);
			return { logs, other, after };
		},
		shows: { logs: "ready\nready\nready", other: true, after: "running true 0 false" },
	},
	{
		name: "create, start -a, a second start, cp, diff, commit",
		observe: async (docker) => {
			const name = docker.named("created");
			await docker.must("create", "--runtime", docker.runtime, "--name", name, "busybox", "sh", "-c", "echo ran; echo x > /made; exit 6");
			const before = await docker.inspect(name, state);
			const first = await docker.docker(["start", "-a", name]);
			const second = await docker.docker(["start", "-a", name]);
			const diff = await docker.must("diff", name);
			await docker.must("rm", name);
			return { before, first: [first.status, first.stdout], second: second.status, diff: /A \/made/.test(diff) };
		},
		shows: { before: "created false 0 false", first: [6, "ran\n"], second: 6, diff: true },
	},
	{
		name: "a container that shares namespaces of another",
		observe: async (docker) => {
			const name = await docker.detached("shared", ["--network", "none", "--ipc", "shareable", "--hostname", "sharing"], forever);
			await ready(docker, name);
			const options = ["--network", `container:${name}`, "--ipc", `container:${name}`, "--pid", `container:${name}`];
			const seen = await docker.run(options, "hostname; ps | grep -q '[e]cho ready' && echo seen; test $$ -gt 1 && echo inside");
			await docker.must("rm", "-f", name);
			return seen;
		},
		shows: { status: 0, stdout: "sharing\nseen\ninside\n", stderr: "" },
	},
	{
		name: "rm -f of a payload with children that ignore signals",
		observe: async (docker) => {
			const script = "(trap '' TERM HUP INT; while :; do sleep 1; done) & (setsid sleep 1000 &); echo ready; wait";
			const name = await docker.detached("children", ["--pid", "host"], script);
			await ready(docker, name);
			const pid = await docker.inspect(name, "{{.State.Pid}}");
			await docker.must("rm", "-f", name);
			return { gone: !(await Bun.file(`/proc/${pid}/stat`).exists()), absent: (await docker.docker(["inspect", name])).status };
		},
		shows: { gone: true, absent: 1 },
	},
];

function exactCapabilities(caps: string): string {
	return `0 CapInh:\t0000000000000000\nCapPrm:\t${caps}\nCapEff:\t${caps}\nCapBnd:\t${caps}\nCapAmb:\t0000000000000000\nSeccomp:\t2`;
}
