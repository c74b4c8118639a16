// Rendering by the specification's rules, what becomes of a manifest, and the way back from the last layer.

import { describe, expect, test } from "bun:test";
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { joinCauses } from "../../base/errors.ts";
import { aciBytes, imageIDOf, manifestOf, openManifest, readBlobOf, workFolder } from "../aci/aci.fixture.ts";
import { spoolMembers } from "../aci/members.ts";
import { decodeRecipe, followRecipe } from "../aci/recipe.ts";
import { decodeConfig } from "../config.ts";
import { archive, type Member, streamOf } from "../layer/tar.fixture.ts";
import { readTar, TarInput } from "../layer/tar.ts";
import { createTree, type FileInode, type FolderInode, type Inode, placeEntry } from "../layer/tree.ts";
import { aciSource } from "./aci.ts";

type File = string | Member;
type Spec = {
	readonly needs?: readonly (string | Record<string, unknown>)[];
	readonly lists?: readonly string[];
	readonly files: readonly File[];
	readonly more?: Record<string, unknown>;
};

/** Archives of these names in one folder, a.aci among them; what the first is rendered to. */
async function render(specs: Readonly<Record<string, Spec>>): Promise<Record<string, string>> {
	using work = workFolder();
	for (const [name, { needs = [], lists, files, more }] of Object.entries(specs)) {
		const manifest = manifestOf(`example.com/${name}`, {
			...(needs.length === 0
				? {}
				: { dependencies: needs.map((need) => (typeof need === "string" ? { imageName: `example.com/${need}` } : need)) }),
			...(lists === undefined ? {} : { pathWhitelist: lists }),
			...more,
		});
		work.put(`${name}.aci`, aciBytes(manifest, ...files));
	}
	mkdirSync(`${work.path}/tmp`);
	await using source = await aciSource(`${work.path}/${Object.keys(specs)[0]}.aci`, { temporaryFolder: `${work.path}/tmp` });
	const { manifest } = await openManifest(source);
	const tree: Record<string, string> = {};
	for (const layer of manifest.layers) overlay(tree, await readBlobOf(source, layer));
	return tree;
}

/** What overlayfs makes of layers without whiteouts. */
function overlay(tree: Record<string, string>, tar: Uint8Array): void {
	const root = createTree();
	const contents = new Map<Inode, string>();
	let current: FileInode | undefined;
	const input = new TarInput();
	const reader = readTar(
		input,
		{
			begin: (entry) => {
				current = placeEntry(root, entry);
				if (current !== undefined) contents.set(current, "");
			},
			data: (bytes) => {
				if (current !== undefined) contents.set(current, (contents.get(current) ?? "") + Buffer.from(bytes).toString());
			},
			end: () => undefined,
		},
		{ maxHeaderBytes: 1 << 20, maxEntries: 1 << 20 },
	);
	reader.next();
	input.push(tar);
	reader.next();
	const walk = (folder: FolderInode, path: string) => {
		for (const [name, inode] of folder.children) {
			const own = `${path}${name}`;
			if (inode.kind !== "directory" || (tree[`${own}/`] === undefined && tree[own] !== undefined)) {
				for (const below of Object.keys(tree)) if (below === own || below.startsWith(`${own}/`)) delete tree[below];
			}
			if (inode.kind === "directory") {
				tree[`${own}/`] = inode.mode.toString(8);
				walk(inode, `${own}/`);
			} else tree[own] = inode.kind === "symlink" ? `-> ${inode.target}` : (contents.get(inode) ?? inode.kind);
		}
	};
	walk(root, "");
}

const of = (file: string, image: string) => `${file} of example.com/${image}`;

describe("dependencies are rendered as the specification says", () => {
	test("A needs B and C, C needs D: B, D, C, A, and later wins", async () => {
		const tree = await render({
			a: { needs: ["b", "c"], files: ["a"] },
			b: { files: ["a", "b", "bc", "bd"] },
			c: { needs: ["d"], files: ["a", "bc", "cd"] },
			d: { files: ["bd", "cd", "d"] },
		});
		expect(tree).toEqual({ a: of("a", "a"), b: of("b", "b"), bc: of("bc", "c"), bd: of("bd", "d"), cd: of("cd", "c"), d: of("d", "d") });
	});

	test("an image reached twice comes twice: D, B, D, C, A", async () => {
		const tree = await render({
			a: { needs: ["b", "c"], files: [] },
			b: { needs: ["d"], files: ["x"] },
			c: { needs: ["d"], files: [] },
			d: { files: ["x", "y"] },
		});
		expect(tree).toEqual({ x: of("x", "d"), y: of("y", "d") });
	});

	test("a folder replaces a link, a file a folder with all that is in it", async () => {
		const tree = await render({
			a: { needs: ["b"], files: ["lib/", "lib/x", "etc"] },
			b: { files: ["usr/", "usr/y", { name: "lib", type: "2", linkname: "usr" }, "etc/", "etc/passwd"] },
		});
		expect(tree).toEqual({ "usr/": "755", "usr/y": of("usr/y", "b"), "lib/": "755", "lib/x": of("lib/x", "a"), etc: of("etc", "a") });
	});

	test("a whitelist removes all that it does not name below, but the image's own folders stay", async () => {
		const tree = await render({
			a: { needs: ["b"], lists: ["/x", "/bin/", "/bin/sh"], files: ["x", "hidden", "own/"] },
			b: { files: ["x", "y", "bin/", "bin/sh", "bin/ls", "unlisted/"] },
		});
		expect(tree).toEqual({ x: of("x", "a"), "own/": "755", "bin/": "755", "bin/sh": of("bin/sh", "b") });
	});

	test("a whitelist does not touch siblings, which rkt's does", async () => {
		const tree = await render({
			a: { needs: ["b", "c"], files: ["a"] },
			b: { files: ["b"] },
			c: { needs: ["d"], lists: ["/c"], files: ["c", "c2"] },
			d: { files: ["c", "d"] },
		});
		expect(tree).toEqual({ a: of("a", "a"), b: of("b", "b"), c: of("c", "c") });
	});

	test("whitelists above each other both count; a list is of paths, not of beginnings", async () => {
		const tree = await render({
			a: { needs: ["b"], lists: ["/x", "/y", "/d"], files: [] },
			b: { needs: ["c"], lists: ["/y", "/z", "/d"], files: ["z"] },
			c: { files: ["x", "y", "z", "d/", "d/e"] },
		});
		expect(tree).toEqual({ y: of("y", "c"), "d/": "755" });
	});

	test("a hard link whose target a whitelist removes has the content itself", async () => {
		const links = [
			{ name: "one", data: "content" },
			{ name: "two", type: "1", linkname: "rootfs/one" },
			{ name: "three", type: "1", linkname: "rootfs/two" },
		];
		const tree = await render({ a: { needs: ["b"], lists: ["/two", "/three"], files: [] }, b: { files: links } });
		expect(tree).toEqual({ two: "content", three: "content" });
	});

	test("folders that are not in the archive are those of the images below", async () => {
		const tree = await render({ a: { needs: ["b"], files: ["tmp/x"] }, b: { files: [{ name: "tmp/", type: "5", mode: 0o1777 }] } });
		expect(tree).toEqual({ "tmp/": "1777", "tmp/x": of("tmp/x", "a") });
	});

	test("the highest version is taken unless one is asked for", async () => {
		const version = (value: string) => ({ labels: [{ name: "version", value }] });
		const specs = (labels: object): Record<string, Spec> => ({
			a: { needs: [{ imageName: "example.com/b", ...labels }], files: [] },
			b: { files: ["v9"], more: version("1.9.0") },
			b2: { files: ["v10"], more: { name: "example.com/b", ...version("1.10.0") } },
		});
		expect(Object.keys(await render(specs({})))).toEqual(["v10"]);
		expect(Object.keys(await render(specs({ labels: version("1.9.0").labels })))).toEqual(["v9"]);
	});

	const refused: readonly [what: string, specs: Readonly<Record<string, Spec>>, code: string][] = [
		["that nobody has", { a: { needs: ["b"], files: [] } }, "not-found"],
		[
			"that is asked for by a label it has not",
			{ a: { needs: [{ imageName: "example.com/b", labels: [{ name: "x", value: "y" }] }], files: [] }, b: { files: [] } },
			"not-found",
		],
		[
			"that is another image than the one meant",
			{ a: { needs: [{ imageName: "example.com/b", imageID: `sha512-${"0".repeat(128)}` }], files: [] }, b: { files: [] } },
			"integrity",
		],
		["of another size", { a: { needs: [{ imageName: "example.com/b", size: 17 }], files: [] }, b: { files: [] } }, "integrity"],
		["that is the image itself", { a: { needs: ["a"], files: [] } }, "invalid-spec"],
		["that needs the image", { a: { needs: ["b"], files: [] }, b: { needs: ["a"], files: [] } }, "invalid-spec"],
	];
	for (const [what, specs, code] of refused)
		test(`a dependency ${what} is refused`, async () => expect(render(specs)).rejects.toMatchObject({ code }));

	test("a graph that doubles at each step ends", async () => {
		const specs: Record<string, Spec> = {};
		for (let i = 0; i < 30; i++)
			specs[`n${String(i).padStart(2, "0")}`] = {
				needs: [`n${String(i + 1).padStart(2, "0")}`, `n${String(i + 1).padStart(2, "0")}`],
				files: ["x"],
			};
		specs.n30 = { files: ["x"] };
		await expect(render(specs)).rejects.toMatchObject({ code: "invalid-spec" });
	});

	test("a chain that is too long ends", async () => {
		const specs: Record<string, Spec> = {};
		for (let i = 0; i < 70; i++) specs[`n${i}`] = { needs: [`n${i + 1}`], files: ["x"] };
		specs.n70 = { files: ["x"] };
		await expect(render(specs)).rejects.toMatchObject({ code: "invalid-spec" });
	});

	test("a resolver that finds another image than the one pinned is not believed", async () => {
		using work = workFolder();
		const b = work.put("b", aciBytes(manifestOf("example.com/b"), "b"));
		const pin = imageIDOf(b);
		const open = async (imageID: string) => {
			const path = work.put("a", aciBytes(manifestOf("example.com/a", { dependencies: [{ imageName: "example.com/b", imageID }] })));
			await using source = await aciSource(path, { temporaryFolder: work.path, resolveDependency: async () => b });
			return (await openManifest(source)).manifest.layers.length;
		};
		expect(await open(pin)).toBe(2);
		expect(await open(pin.slice(0, 71))).toBe(2); // rkt's short form
		await expect(open(`sha512-${"1".repeat(128)}`)).rejects.toMatchObject({ code: "integrity" });
	});
});

describe("a manifest becomes a config", () => {
	const app = {
		exec: ["/bin/app", "-x"],
		user: "/bin/app",
		group: "daemon",
		workingDirectory: "/srv",
		environment: [{ name: "A", value: "b=c" }],
		ports: [
			{ name: "web", protocol: "tcp", port: 80 },
			{ name: "range", protocol: "udp", port: 1000, count: 3, socketActivated: true },
		],
		mountPoints: [{ name: "data", path: "/data", readOnly: true }],
		supplementaryGids: [5],
		isolators: [{ name: "os/linux/no-new-privileges", value: true }],
		eventHandlers: [{ name: "pre-start", exec: ["/x"] }],
		userLabels: { u: "v" },
	};
	const manifest = manifestOf("example.com/app", {
		labels: [
			{ name: "version", value: "1.2.3" },
			{ name: "os", value: "linux" },
			{ name: "arch", value: "armv7l" },
			{ name: "channel", value: "beta" },
		],
		app,
		annotations: [
			{ name: "created", value: "2016-01-02T03:04:05Z" },
			{ name: "authors", value: "me" },
			{ name: "homepage", value: "https://example.com/" },
		],
	});

	test("what OCI has words for is there, the rest is said by name", async () => {
		using work = workFolder();
		const path = work.put("x.aci", aciBytes(manifest, "bin/", { name: "bin/app", uid: 42 }));
		await using source = await aciSource(path, { temporaryFolder: work.path });
		const found = await openManifest(source);
		const config = decodeConfig(await readBlobOf(source, found.manifest.config), 1, "config");
		expect(config).toMatchObject({
			os: "linux",
			architecture: "arm",
			variant: "v7",
			created: "2016-01-02T03:04:05Z",
			author: "me",
			config: {
				user: "42:daemon",
				env: ["A=b=c"],
				entrypoint: ["/bin/app", "-x"],
				cmd: [],
				workingDir: "/srv",
				exposedPorts: ["80/tcp", "1000-1002/udp"],
				volumes: ["/data"],
				labels: { u: "v", "appc.label.channel": "beta" },
			},
		});
		expect(source.names()).toEqual(["example.com/app:1.2.3"]);
		expect(found.annotations["org.opencontainers.image.url"]).toBe("https://example.com/");
		expect(JSON.parse(found.annotations["org.appc.manifest"] ?? "")).toEqual(manifest);
		expect(found.annotations["org.appc.image-id"]).toBe(imageIDOf(path));
		const warnings = source.warnings?.().join("\n") ?? "";
		for (const word of ["socketActivated", "readOnly", "supplementaryGIDs", "os/linux/no-new-privileges", "pre-start"])
			expect(warnings).toContain(word);
	});

	test("entrypoint and command are those of docker2aci's annotations where they make exec", async () => {
		using work = workFolder();
		const annotations = [
			{ name: "appc.io/docker/entrypoint", value: '["/bin/app"]' },
			{ name: "appc.io/docker/cmd", value: '["-x"]' },
		];
		const read = async (exec: readonly string[]) => {
			await using source = await aciSource(
				work.put("x.aci", aciBytes(manifestOf("a", { annotations, app: { exec, user: "0", group: "0" } }))),
				{ temporaryFolder: work.path },
			);
			const { config } = decodeConfig(await readBlobOf(source, (await openManifest(source)).manifest.config), 1, "config");
			expect(source.names()).toEqual(["localhost/a:latest"]);
			return [config.entrypoint, config.cmd];
		};
		expect(await read(["/bin/app", "-x"])).toEqual([["/bin/app"], ["-x"]]);
		expect(await read(["/bin/app", "-y"])).toEqual([["/bin/app", "-y"], []]);
	});

	test("a user that is the owner of no file is refused, and nothing stays behind", async () => {
		using work = workFolder();
		const path = work.put("x.aci", aciBytes(manifest));
		await expect(aciSource(path, { temporaryFolder: work.path })).rejects.toMatchObject({ code: "invalid-spec" });
		expect(readdirSync(work.path)).toEqual(["x.aci"]);
	});
});

/** The tar that the recipe in the annotations makes of the last layer. */
async function wayBack(path: string): Promise<Uint8Array> {
	using work = workFolder();
	await using source = await aciSource(path, { temporaryFolder: work.path });
	const { manifest, annotations } = await openManifest(source);
	const last = manifest.layers.at(-1);
	if (last === undefined) throw new Error("no layer");
	const layer = await spoolMembers(streamOf(await readBlobOf(source, last)), `${work.path}/back`, () => undefined);
	const recipe = decodeRecipe(annotations["org.corten.aci.recipe"] ?? "", "recipe");
	const chunks: Uint8Array[] = [];
	for await (const chunk of followRecipe(recipe, layer.file, layer.members, Buffer.from(annotations["org.appc.manifest"] ?? "")))
		chunks.push(chunk);
	return Buffer.concat(chunks);
}

describe("the archive is made again of its last layer, byte for byte", () => {
	for (const [form, dotted] of [
		["gnu", false],
		["gnu", true],
		["pax", false],
		["ustar", true],
		["v7", false],
		["oldgnu", false],
	] as const) {
		test(`as GNU tar writes it: ${form}, ${dotted ? "all of the folder" : "by names"}`, async () => {
			using work = workFolder();
			const folder = `${work.path}/layout`;
			mkdirSync(`${folder}/rootfs/etc`, { recursive: true });
			writeFileSync(`${folder}/manifest`, JSON.stringify(manifestOf("example.com/a"), undefined, "\t"));
			writeFileSync(`${folder}/rootfs/etc/passwd`, "root:x:0:0::/:/bin/sh\n");
			writeFileSync(`${folder}/rootfs/big`, new Uint8Array(100_000).fill(7));
			symlinkSync("../../../etc/shadow", `${folder}/rootfs/link`);
			if (form === "gnu" || form === "pax" || form === "oldgnu") {
				const deep = `${folder}/rootfs/${"d".repeat(60)}/${"e".repeat(60)}`;
				mkdirSync(deep, { recursive: true });
				writeFileSync(`${deep}/ü`, "text");
				Bun.spawnSync(["ln", `${deep}/ü`, `${folder}/rootfs/hard`]);
				Bun.spawnSync(["truncate", "-s", "1M", `${folder}/rootfs/sparse`]);
			}
			const path = `${work.path}/x.aci`;
			const made = Bun.spawnSync([
				"tar",
				`--format=${form}`,
				"--sort=name",
				...(form === "gnu" ? ["-S"] : []),
				"-C",
				folder,
				"-cf",
				path,
				...(dotted ? ["."] : ["rootfs", "manifest"]),
			]);
			expect(made.stderr.toString()).toBe("");
			expect(Buffer.compare(await wayBack(path), readFileSync(path))).toBe(0);
		});
	}

	test("with odd names, padding and rubbish behind its end", async () => {
		using work = workFolder();
		const odd = archive(
			{ name: "manifest", data: JSON.stringify(manifestOf("example.com/a")) },
			{ name: "./rootfs//", type: "5", mode: 0o755 },
			{ name: "rootfs//x", data: "1" },
			{ name: "rootfs", prefix: "", type: "0", data: "2", pax: { path: "rootfs/./y", comment: "z" } },
			{ name: "w", prefix: "rootfs", data: "3" },
			{ name: "rootfs/v", data: "4", mode: "644\0", patch: (block) => block.fill(0x20, 148, 156) },
		);
		const path = work.put("x.aci", Buffer.concat([odd, Buffer.from("rubbish")]));
		expect(Buffer.compare(await wayBack(path), readFileSync(path))).toBe(0);
	});

	test("with dependencies, and with what its own whitelist hides", async () => {
		using work = workFolder();
		work.put("b.aci", aciBytes(manifestOf("example.com/b"), "d/", "d/x"));
		const manifest = manifestOf("example.com/a", { dependencies: [{ imageName: "example.com/b" }], pathWhitelist: ["/d", "/d/x", "/d/y"] });
		const path = work.put("a.aci", aciBytes(manifest, "d/y", "hidden"));
		expect(Buffer.compare(await wayBack(path), readFileSync(path))).toBe(0);
	});

	test("a recipe that lies makes another tar, and no memory is taken for what it claims", async () => {
		using work = workFolder();
		const path = work.put("x.aci", aciBytes(manifestOf("example.com/a"), "x"));
		await using source = await aciSource(path, { temporaryFolder: work.path });
		const { annotations } = await openManifest(source);
		const recipe = JSON.parse(annotations["org.corten.aci.recipe"] ?? "");
		for (const lie of [
			{ tail: { zeros: 2 ** 30 } },
			{ version: 2 },
			{ stem: { from: "../", to: "" } },
			{ headers: [{ at: -1, bytes: "" }] },
			{ inserts: [{ at: 0, bytes: "?" }] },
			{ sha256: "x" },
		])
			expect(() => decodeRecipe(JSON.stringify({ ...recipe, ...lie }), "recipe")).toThrow("cannot decode recipe");
		expect(() => decodeRecipe("gzip:AAAA", "recipe")).toThrow("does not inflate");
		const bomb = `gzip:${Buffer.from(Bun.gzipSync(new Uint8Array(64 << 20))).toString("base64")}`;
		expect(() => decodeRecipe(bomb, "recipe")).toThrow("does not inflate");
	});

	test("the same archive makes the same image", async () => {
		using work = workFolder();
		const path = work.put("x.aci", aciBytes(manifestOf("example.com/a"), "x"));
		const digest = async () => {
			await using source = await aciSource(path, { temporaryFolder: work.path });
			return (await source.root()).digest;
		};
		expect(await digest()).toBe(await digest());
	});
});

test("an archive that is refused says which", async () => {
	using work = workFolder();
	const path = work.put("x.aci", archive({ name: "rootfs", type: "5" }));
	const error = await aciSource(path, { temporaryFolder: work.path }).catch((cause: unknown) => cause);
	expect(joinCauses(error)).toContain(path);
});
