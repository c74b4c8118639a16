// The rest of runc's command line that clients call: list, ps, pause, resume, update, events, spec, version, --log.

import { expect } from "bun:test";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { withScript, withSleep } from "../../support/bundle.ts";
import { conformance } from "../../support/conformance.ts";

const v1 = [existsSync("/sys/fs/cgroup/memory/memory.limit_in_bytes"), "this machine has no v1 memory hierarchy"] as const;
const v1Path = (pid: number, controller: string) => {
	const lines = readFileSync(`/proc/${pid}/cgroup`, "utf8").split("\n");
	return `/sys/fs/cgroup/${controller}${lines.find((line) => line.split(":")[1] === controller)?.split(":")[2] ?? ""}`;
};

conformance("list shows each container with its pid, status and bundle", async (world) => {
	const one = world.container((config) => withSleep(config));
	const two = world.container((config) => withSleep(config));
	await one.launch();
	await two.create();
	const table = await world.runtime.call(["list"]);
	expect(table.stdout.split("\n")[0]).toMatch(/^(ID|NAME) +PID +STATUS +BUNDLE( PATH)? +CREATED +OWNER/);
	expect(table.stdout).toMatch(new RegExp(`${one.id} +${await one.pid()} +running +${one.bundle}`));
	const all = JSON.parse((await world.runtime.call(["list", "--format", "json"])).stdout) as { id: string; status: string }[];
	expect(all.map(({ id, status }) => [id, status]).toSorted()).toEqual(
		[
			[one.id, "running"],
			[two.id, "created"],
		].toSorted(),
	);
});

conformance("list --quiet shows the ids alone", async (world) => {
	const container = world.container((config) => withSleep(config));
	await container.launch();
	expect((await world.runtime.call(["list", "--quiet"])).stdout).toBe(`${container.id}\n`);
});

conformance("ps shows the container's processes", async (world) => {
	const container = world.container((config) => withSleep(config));
	await container.launch();
	const pids = JSON.parse((await world.runtime.call(["ps", "--format", "json", container.id])).stdout) as number[];
	expect(pids).toEqual([await container.pid()]);
});

conformance("pause stops every process, resume lets them go on", async (world) => {
	const container = world.container((config) => withScript(config, "while :; do echo x >>/count; sleep 0.01; done"));
	await container.launch();
	expect((await world.runtime.call(["pause", container.id])).status).toBe(0);
	expect((await container.state()).status).toBe("paused");
	expect((await world.runtime.call(["resume", container.id])).status).toBe(0);
	expect((await container.state()).status).toBe("running");
});

conformance("delete --force takes away a paused container", async (world) => {
	const container = world.container((config) => withSleep(config));
	await container.launch();
	await world.runtime.call(["pause", container.id]);
	expect((await container.delete("--force")).status).toBe(0);
	expect((await container.tryState()).status).not.toBe(0);
});

conformance(
	"update changes limits of a running container",
	async (world) => {
		const container = world.container((config) => withSleep(config));
		await container.launch();
		const pid = await container.pid();
		expect(
			(await world.runtime.call(["update", "--memory", "67108864", "--pids-limit", "55", "--cpu-share", "200", container.id])).status,
		).toBe(0);
		expect(readFileSync(`${v1Path(pid, "memory")}/memory.limit_in_bytes`, "utf8")).toBe("67108864\n");
		expect(readFileSync(`${v1Path(pid, "pids")}/pids.max`, "utf8")).toBe("55\n");
		expect(readFileSync(`${v1Path(pid, "cpu")}/cpu.shares`, "utf8")).toBe("200\n");
	},
	{ needs: v1 },
);

conformance(
	"update takes resources from standard input",
	async (world) => {
		const container = world.container((config) => withSleep(config));
		await container.launch();
		const ended = await world.runtime.call(["update", "--resources", "-", container.id], {
			input: JSON.stringify({ pids: { limit: 44 } }),
		});
		expect(ended.status).toBe(0);
		expect(readFileSync(`${v1Path(await container.pid(), "pids")}/pids.max`, "utf8")).toBe("44\n");
	},
	{ needs: v1, not: { crun: "1.8.1 reads no standard input" } },
);

conformance(
	"events --stats prints the container's figures",
	async (world) => {
		const container = world.container((config) => withSleep(config));
		await container.launch();
		type Event = { type: string; id: string; data: { pids: { current: number }; memory: { usage: { usage: number } } } };
		const ask = async (): Promise<Event> => {
			const ended = await world.runtime.call(["events", "--stats", container.id]);
			expect(ended.status).toBe(0);
			return JSON.parse(ended.stdout) as Event;
		};
		// runc's start is over while its own threads still are in the cgroup.
		let event = await ask();
		for (const end = Date.now() + 20_000; event.data.pids.current !== 1 && Date.now() < end; ) event = await ask();
		expect([event.type, event.id, event.data.pids.current]).toEqual(["stats", container.id, 1]);
		expect(event.data.memory.usage.usage).toBeGreaterThan(0);
	},
	{ not: { crun: "1.8.1 has no events" } },
);

conformance(
	"spec writes a document that runs",
	async (world) => {
		const container = world.container();
		const folder = `${container.bundle}/made`;
		mkdirSync(folder);
		expect((await world.runtime.call(["spec", "--bundle", folder], { cwd: folder })).status).toBe(0);
		const document = JSON.parse(readFileSync(`${folder}/config.json`, "utf8")) as { ociVersion: string; process: { args: string[] } };
		expect(document.ociVersion).toMatch(/^1\./);
		expect(document.process.args).toEqual(["sh"]);
	},
	{ not: { crun: "1.8.1 takes the working folder" } },
);

conformance("--version's lines have the forms that clients parse", async (world) => {
	const { stdout, status } = await world.runtime.call(["--version"]);
	expect(status).toBe(0);
	expect(stdout).toMatch(/^\S+ version \d+\.\d+\.\d+/);
	expect(stdout).toMatch(/^spec: \d+\.\d+\.\d+/m);
});

conformance(
	"--log and --log-format json say an error as one object of a line",
	async (world) => {
		const container = world.container((config) =>
			config.mounts.push({ destination: "/mnt", type: "bind", source: "/nowhere/at/all", options: ["bind"] }),
		);
		const log = `${container.bundle}/log`;
		const ended = await container.detached(["--log", log, "--log-format", "json", "create", "--bundle", container.bundle, container.id]);
		expect(ended.status).not.toBe(0);
		const lines = readFileSync(log, "utf8")
			.trim()
			.split("\n")
			.map((line) => JSON.parse(line) as { level: string; msg: string; time: string });
		expect(lines.at(-1)?.msg).toContain("/nowhere/at/all");
		expect(lines.some(({ level }) => level === "error")).toBe(true);
	},
	{ not: { crun: "1.8.1 says no level" } },
);

conformance(
	"an unknown command or option is refused",
	async (world) => {
		expect((await world.runtime.call(["nosuch"])).status).not.toBe(0);
		expect((await world.runtime.call(["create", "--nosuch"])).status).not.toBe(0);
	},
	{ not: { runc: "1.1.5 prints its help and succeeds" } },
);
