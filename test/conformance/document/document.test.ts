// config.md: ociVersion, annotations, unknown properties, invalid values.

import { expect } from "bun:test";
import { writeFileSync } from "node:fs";
import { withSleep } from "../../support/bundle.ts";
import { conformance } from "../../support/conformance.ts";

for (const version of ["1.0.0", "1.0.1", "1.0.2"]) {
	conformance(`ociVersion ${version} is taken`, async (world) => {
		expect(await world.sh("echo ran", (config) => (config.ociVersion = version))).toBe("ran");
	});
}

for (const version of ["1.1.0", "1.2.0", "1.3.0", "1.3.0-rc.1", "1.2.1+meta"]) {
	conformance(
		`ociVersion ${version} is taken`,
		async (world) => {
			expect(await world.sh("echo ran", (config) => (config.ociVersion = version))).toBe("ran");
		},
		{ not: { runc: "1.1.5 knows 1.0", crun: "1.8.1 knows 1.0" } },
	);
}

for (const version of ["1", "one", "1.0", "v1.0.0", ""]) {
	conformance(
		`ociVersion "${version}" is no version and refused`,
		async (world) => {
			await world.refused((config) => (config.ociVersion = version));
		},
		{ not: { runc: "1.1.5 does not look at it", crun: "1.8.1 looks at its beginning" } },
	);
}

conformance(
	"ociVersion of another major version is refused",
	async (world) => {
		await world.refused((config) => (config.ociVersion = "2.0.0"));
	},
	{ not: { runc: "1.1.5 does not look at it" } },
);

conformance(
	"a document without ociVersion is refused",
	async (world) => {
		await world.refused((config) => Reflect.deleteProperty(config, "ociVersion"));
	},
	{ not: { runc: "1.1.5 does not look at it" } },
);

conformance("unknown properties are ignored, at every depth", async (world) => {
	const out = await world.sh("echo ran", (config) => {
		config.nosuch = { a: 1 };
		config.root.nosuch = true;
		config.process.nosuch = ["a"];
		config.linux.nosuch = {};
		config.linux.resources = { nosuch: 1, memory: { nosuch: 2 } };
		config.mounts.push({ destination: "/mnt", type: "tmpfs", source: "tmpfs", nosuch: "x" });
	});
	expect(out).toBe("ran");
});

conformance("unknown annotations are ignored, org.opencontainers ones too", async (world) => {
	const out = await world.sh(
		"echo ran",
		(config) => (config.annotations = { "com.example.nosuch": "x", "org.opencontainers.nosuch": "y", "com.example.empty": "" }),
	);
	expect(out).toBe("ran");
});

conformance("an empty map of annotations is none", async (world) => {
	expect(await world.sh("echo ran", (config) => (config.annotations = {}))).toBe("ran");
});

conformance(
	"an annotation that is not a string is refused",
	async (world) => {
		await world.refused((config) => (config.annotations = { "com.example.number": 1 }));
	},
	{ not: { crun: "1.8.1 takes numbers" } },
);

conformance(
	"an annotation whose key is empty is refused",
	async (world) => {
		await world.refused((config) => (config.annotations = { "": "x" }));
	},
	{ not: { runc: "1.1.5 takes it", crun: "1.8.1 takes it" } },
);

conformance(
	"annotations that are no map are refused",
	async (world) => {
		await world.refused((config) => (config.annotations = ["x"]));
	},
	{ not: { crun: "1.8.1 passes it over" } },
);

conformance("a document that is not JSON is refused", async (world) => {
	const container = world.container();
	writeFileSync(`${container.bundle}/config.json`, "{ this is not JSON");
	expect((await container.tryCreate()).status).not.toBe(0);
	expect((await container.tryState()).status).not.toBe(0);
});

for (const [what, change] of [
	["process.args a string", (config) => Object.assign(config.process, { args: "true" })],
	["process.user.uid a string", (config) => Object.assign(config.process.user, { uid: "root" })],
	["process.cwd a number", (config) => Object.assign(config.process, { cwd: 1 })],
	["mounts an object", (config) => Object.assign(config, { mounts: {} })],
	["linux.namespaces a string", (config) => Object.assign(config.linux, { namespaces: "pid" })],
	["root.readonly a string", (config) => Object.assign(config.root, { readonly: "yes" })],
] as readonly (readonly [string, (config: import("../../support/bundle.ts").Document) => void])[]) {
	conformance(
		`a value of the wrong type is refused: ${what}`,
		async (world) => {
			await world.refused(change);
		},
		{ not: { crun: "1.8.1 converts or passes it over" } },
	);
}

conformance("a hundred mounts and a megabyte of environment are no problem", async (world) => {
	const out = await world.sh("grep -c ' /many/' /proc/mounts; env | wc -c", (config) => {
		for (let i = 0; i < 100; i++) config.mounts.push({ destination: `/many/${i}`, type: "tmpfs", source: "tmpfs", options: ["size=4k"] });
		for (let i = 0; i < 10; i++) config.process.env.push(`LONG${i}=${"x".repeat(100_000)}`);
	});
	const [mounts, bytes] = out.split("\n");
	expect(mounts).toBe("100");
	expect(Number(bytes)).toBeGreaterThan(1_000_000);
});

conformance("annotations are in the state of a running container", async (world) => {
	const container = world.container((config) => {
		config.annotations = { "org.opencontainers.image.os": "linux" };
		withSleep(config);
	});
	await container.launch();
	expect((await container.state()).annotations).toMatchObject({ "org.opencontainers.image.os": "linux" });
});
