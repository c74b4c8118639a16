// One layer as an ACI of its own: the same members below `rootfs/`, and in an annotation how the layer's tar is made of them again. A
// layer that no ACI can hold member by member (one name twice, something below a link) is told apart first.

import { CortenError } from "../../base/errors.ts";
import { encodeTarHeader, tarEnd, tarPadding } from "../layer/tar-write.ts";
import { type Member, type Members, openRead, readAt } from "./members.ts";
import { dataOf, encodeRecipe, type Made, madeHeaders, retarred, writeRecipe } from "./recipe.ts";
import { retarHeaders, type Stem } from "./retar.ts";

/** How a layer becomes an ACI. */
export type LayerPlan = {
	readonly layer: Members;
	readonly made: readonly Made[];
	readonly stem: Stem;
	/** Whether the layer has no entry for its root. */
	readonly rootAdded: boolean;
	/** How it is made again; undefined when that is too much to be carried. */
	readonly recipe: string | undefined;
};

const rootHeader = encodeTarHeader({
	name: "rootfs/",
	kind: "directory",
	target: "",
	mode: 0o755,
	uid: 0,
	gid: 0,
	seconds: 0,
	nanoseconds: 0,
	major: 0,
	minor: 0,
	size: 0,
	xattrs: new Map(),
});

function clean(name: string): string | undefined {
	if (name.startsWith("/")) return undefined;
	const parts = name.split("/").filter((part) => part !== "" && part !== ".");
	if (parts.includes("..")) return undefined;
	const path = parts.join("/");
	// Mostly it is the name: then no second text is held.
	return path === name ? name : path;
}

function isHiding(path: string, { entry }: Member): boolean {
	return path.split("/").some((part) => part.startsWith(".wh.")) || (entry.kind === "char" && entry.major === 0 && entry.minor === 0);
}

/**
 * Plans how a layer becomes an ACI. Whiteouts are left out: the recipe has them.
 * @returns undefined when an ACI cannot hold what the layer has
 */
export function planLayer(layer: Members): LayerPlan | undefined {
	const dotted = layer.members.filter(({ entry }) => entry.name.startsWith("./")).length;
	const stem: Stem = { from: dotted * 2 > layer.members.length ? "./" : "", to: "rootfs/" };
	const kinds = new Map<string, string>();
	const made: Made[] = [];
	using file = openRead(layer.file);
	for (const member of layer.members) {
		const { entry } = member;
		const path = clean(entry.name);
		if (path === undefined || kinds.has(path) || (path === "" && entry.kind !== "directory")) return undefined;
		if (isHiding(path, member)) {
			made.push({ kind: "left" });
			continue;
		}
		let target = entry.target;
		if (entry.kind === "link") {
			const linked = clean(target);
			const kind = linked === undefined ? undefined : kinds.get(linked);
			if (linked === undefined || kind === undefined || kind === "directory") return undefined;
			target = `rootfs/${linked}`;
		}
		kinds.set(path, entry.kind);
		const headers = retarHeaders(readAt(file, member.start, member.data), stem);
		if (headers === undefined && entry.extents !== undefined) return undefined;
		const name = path === "" ? "rootfs/" : entry.kind === "directory" ? `rootfs/${path}/` : `rootfs/${path}`;
		made.push(headers === undefined ? { kind: "kept", headers: encodeTarHeader({ ...entry, name, target }) } : retarred);
	}
	for (const path of kinds.keys()) {
		for (let slash = path.indexOf("/"); slash >= 0; slash = path.indexOf("/", slash + 1))
			if ((kinds.get(path.slice(0, slash)) ?? "directory") !== "directory") return undefined;
	}
	const rootAdded = !kinds.has("");
	const recipe = writeRecipe(layer, made, rootAdded ? [0] : [], stem);
	return { layer, made, stem, rootAdded, recipe: recipe === undefined ? undefined : encodeRecipe(recipe) };
}

/** The manifest's member; nothing in it says when or by whom. */
export function* manifestMember(manifest: Uint8Array): Generator<Uint8Array, void, undefined> {
	const none = { uid: 0, gid: 0, seconds: 0, nanoseconds: 0, major: 0, minor: 0, xattrs: new Map<string, string>(), target: "" };
	yield encodeTarHeader({ ...none, name: "manifest", kind: "file", mode: 0o644, size: manifest.length });
	yield manifest;
	yield tarPadding(manifest.length);
}

/** The whole tar of a planned ACI. */
export function* layerTar(plan: LayerPlan, manifest: Uint8Array): Generator<Uint8Array, void, undefined> {
	using file = openRead(plan.layer.file);
	yield* manifestMember(manifest);
	if (plan.rootAdded) yield rootHeader;
	for (const [index, member] of plan.layer.members.entries()) {
		const made = plan.made[index];
		if (made === undefined) throw new CortenError("bug", "a member has no plan");
		if (made.kind !== "kept") continue;
		yield madeHeaders(file, member, made.headers, plan.stem);
		yield* dataOf(file, member);
	}
	yield tarEnd;
}
