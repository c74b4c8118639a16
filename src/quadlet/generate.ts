// Quadlets become units: each file one service, with what podman's keys mean to corten, and what its other sections say as they stand. Pure
// but for asking whether paths exist: the same files give the same units.

import { translateContainer } from "./container.ts";
import { containerKeys, otherKeys } from "./keys.ts";
import { dependencyKeys, type Kind, sectionOf, serviceName, splitName } from "./names.ts";
import { nativeSocket, proxyOf, type SocketUnits, socketUnits } from "./on-demand.ts";
import type { Quadlet } from "./search.ts";
import { type Context, refuse, type Service, translateArtifact, translateImage, translateVolume, volumeName } from "./service.ts";
import { allOf, type Entry, formatUnit, isTrue, type Line, lastOf, type Remark } from "./unit-file.ts";
import { splitWords } from "./words.ts";

/** A unit to be written. */
export type Unit = { readonly name: string; readonly text: string };

/** What one quadlet becomes. */
export type Generated = {
	readonly quadlet: Quadlet;
	/** Its service, and the units beside it. */
	readonly units: readonly Unit[];
	/** Path below the generator's folder -> target: [Install]. */
	readonly links: readonly (readonly [path: string, target: string])[];
	readonly remarks: readonly Remark[];
};

/** What the generator is told. */
export type Surroundings = { readonly corten: string; readonly user: boolean; readonly exists: (path: string) => boolean };

/** Translates all files; they may refer to each other. */
export function generate(quadlets: readonly Quadlet[], surroundings: Surroundings): Generated[] {
	const services = new Map(quadlets.map((quadlet) => [quadlet.name, serviceOf(quadlet)]));
	return quadlets.map((quadlet) => generateOne(quadlet, quadlets, services, surroundings));
}

/** The service that a file becomes. */
export function serviceOf({ stem, kind, entries }: Quadlet): string {
	return serviceName(stem, kind, lastOf(entries, sectionOf(kind), "ServiceName"));
}

function generateOne(
	quadlet: Quadlet,
	quadlets: readonly Quadlet[],
	services: ReadonlyMap<string, string>,
	{ corten, user, exists }: Surroundings,
): Generated {
	const { stem, kind, entries, path } = quadlet;
	const remarks: Remark[] = [...quadlet.remarks, ...unknownKeys(kind, entries)];
	const needed: string[] = [];
	const volumes = user ? "%h/.local/share/corten/volumes" : "/var/lib/corten/volumes";
	const other = (word: string): Quadlet | undefined => {
		const found = quadlets.find(({ name }) => name === word);
		const service = services.get(word);
		if (service !== undefined) needed.push(service);
		else if (splitName(word) !== undefined && !word.includes("/")) remarks.push({ file: path, line: 0, text: `"${word}" is not there` });
		return found;
	};
	const proxy = kind === "container" ? proxyOf(entries) : undefined;
	const context: Context = {
		...{ stem, corten, volumes, exists, proxied: proxy !== undefined, top: { file: path, line: 0 } },
		reference: (word) => {
			other(word.split(":")[0] ?? "");
			return word;
		},
		imageOf: (word) => {
			if (!/\.(image|build)$/.test(word)) return word;
			const found = other(word);
			return (found && (lastOf(found.entries, "Image", "ImageTag") ?? lastOf(found.entries, sectionOf(found.kind), "Image"))) ?? word;
		},
		volumeOf: (words) => {
			const [source = "", ...rest] = words.split(":");
			if (rest.length === 0 || /^[./%~]/.test(source)) return words;
			const file = source.endsWith(".volume") ? other(source) : undefined;
			const folder = file === undefined ? source : volumeName(file.entries, file.stem);
			return [`${volumes}/${folder}`, ...rest].join(":");
		},
		mountOf: (words) => words,
		secretOf: (word) => {
			const found = quadlets.find(({ name }) => name === (word.endsWith(".secret") ? word : `${word}.secret`));
			const id = (found && lastOf(found.entries, "Secret", "SecretName")) ?? word.replace(/\.secret$/, "");
			const file = found && lastOf(found.entries, "Secret", "File");
			const encrypted = found !== undefined && isTrue(lastOf(found.entries, "Secret", "Encrypted") ?? "");
			// Without a file systemd looks for the name in /etc/credstore and its kin.
			return [encrypted ? "LoadCredentialEncrypted" : "LoadCredential", file === undefined ? id : `${id}:${file}`];
		},
		remark: ({ file, line }, text) => remarks.push({ file, line, text }),
	};
	// It is part of the services that name it.
	if (kind === "secret") return { quadlet, units: [], links: [], remarks };
	const made = translate(quadlet, context);
	const demand =
		kind !== "container"
			? undefined
			: proxy === undefined
				? nativeSocket(entries, serviceOf(quadlet), path)
				: socketUnits(proxy, serviceOf(quadlet), path);
	const unit = unitSection(
		quadlet,
		services,
		[
			...made.unit,
			...needed.flatMap((name): Line[] => [
				["Requires", name],
				["After", name],
			]),
		],
		remarks,
		demand,
	);
	const own = sectionOf(kind);
	const text = formatUnit([
		["Unit", unit],
		["Service", [...passed(entries, "Service"), ...made.service, ...(demand?.service ?? [])]],
		[`X-${own}`, passed(entries, own)],
	]);
	const name = serviceOf(quadlet);
	const installed = demand?.installed ?? name;
	return { quadlet, units: [{ name, text: heading + text }, ...(demand?.units ?? [])], links: installLinks(quadlet, installed), remarks };
}

const heading = "# Made by corten-generator from the file that SourcePath= names.\n";

function translate({ kind, entries }: Quadlet, context: Context): Service {
	switch (kind) {
		case "container":
			return translateContainer(entries, context);
		case "volume":
			return translateVolume(entries, context);
		case "image":
			return translateImage(entries, context);
		case "artifact":
			return translateArtifact(entries, context);
		default:
			return refuse(context, `corten has no ${kind === "kube" ? "pods of Kubernetes" : `${kind}s`} yet`);
	}
}

function passed(entries: readonly Entry[], section: string): Line[] {
	return entries.filter((entry) => entry.section === section).map(({ key, value }) => [key, value]);
}

function unknownKeys(kind: Kind, entries: readonly Entry[]): Remark[] {
	const own = sectionOf(kind);
	const known = kind === "container" ? Object.keys(containerKeys) : (otherKeys[own] ?? []);
	const sections = [own, "Unit", "Service", "Install", "Quadlet"];
	return entries.flatMap(({ section, key, file, line }) => {
		if (section === own && !known.includes(key)) return [{ file, line, text: `there is no key ${key}= in [${own}]` }];
		if (section === "Quadlet" && !(otherKeys.Quadlet ?? []).includes(key))
			return [{ file, line, text: `there is no key ${key}= in [Quadlet]` }];
		return sections.includes(section) || section.startsWith("X-") ? [] : [{ file, line, text: `there is no section [${section}]` }];
	});
}

/** [Unit] of the file with references resolved, what the translation needs, and the remarks where `systemctl status` shows them. */
function unitSection(
	{ entries, path, name }: Quadlet,
	services: ReadonlyMap<string, string>,
	needed: readonly Line[],
	remarks: readonly Remark[],
	demand: SocketUnits | undefined,
): Line[] {
	const given = entries.filter(({ section }) => section === "Unit");
	const lines = given.map(({ key, value }): Line => {
		if (!dependencyKeys.has(key)) return [key, value];
		const words = (splitWords(value) ?? [value]).map((word) => services.get(word) ?? word);
		return [key, words.join(" ")];
	});
	const plain = lines.filter(([key]) => key !== "Description");
	const described = lastOf(given, "Unit", "Description");
	const [first] = remarks;
	const more = remarks.length > 1 ? ` (and ${remarks.length - 1} more: corten unit verify ${name})` : "";
	const warning =
		first === undefined
			? ""
			: `[${first.file.slice(first.file.lastIndexOf("/") + 1)}:${first.line}: ${first.text}${more}]`.replaceAll("%", "%%");
	const description = [described ?? (warning === "" ? undefined : name), warning]
		.filter((part) => part !== undefined && part !== "")
		.join(" ");
	const waits = isTrue(lastOf(entries, "Quadlet", "DefaultDependencies") ?? "yes");
	return [
		...(description === "" ? [] : [["Description", description] as const]),
		...plain,
		...(waits ? ([["After", "network.target"]] as const) : []),
		...needed,
		...(demand?.unit ?? []),
		["SourcePath", path.replaceAll("%", "%%")],
	];
}

/** Links that [Install] asks for; a generated unit cannot be enabled. A template needs an instance: DefaultInstance=. */
function installLinks({ entries, stem }: Quadlet, installed: string): (readonly [string, string])[] {
	const instance = lastOf(entries, "Install", "DefaultInstance");
	const isTemplate = stem.endsWith("@");
	if (isTemplate && instance === undefined) return [];
	const name = isTemplate ? installed.replace("@.", `@${instance}.`) : installed;
	const words = (key: string): string[] =>
		allOf(entries, "Install", key)
			.flatMap(({ value }) => splitWords(value) ?? [])
			.filter((word) => !word.includes("/"));
	const below = (key: string, suffix: string) => words(key).map((target) => [`${target}.${suffix}/${name}`, `../${installed}`] as const);
	return [
		...words("Alias").map((alias) => [alias, installed] as const),
		...below("WantedBy", "wants"),
		...below("RequiredBy", "requires"),
		...below("UpheldBy", "upholds"),
	];
}
