// Platforms: which manifest of an index is meant for a machine. Words are GOOS and GOARCH; people also type the kernel's.
// @see image-spec image-index.md#platform-variants

import { CortenError } from "../base/errors.ts";
import type { Descriptor, Platform } from "../spec/image.ts";
import { mediaKind } from "./media-types.ts";

const synonyms: ReadonlyMap<string, readonly [architecture: string, variant?: string]> = new Map<string, readonly [string, string?]>([
	["x64", ["amd64"]],
	["x86_64", ["amd64"]],
	["x86-64", ["amd64"]],
	["ia32", ["386"]],
	["i386", ["386"]],
	["i686", ["386"]],
	["aarch64", ["arm64"]],
	["armhf", ["arm", "v7"]],
	["armel", ["arm", "v6"]],
	["ppc64el", ["ppc64le"]],
]);
const word = /^[A-Za-z0-9][A-Za-z0-9_.-]*$/;

function normalize(os: string, architecture: string, variant: string | undefined): Platform {
	const [known, implied] = synonyms.get(architecture) ?? [architecture];
	// arm64 has had one variant so far; v8 and none are the same.
	const chosen = known === "arm64" && variant === "v8" ? undefined : (variant ?? implied);
	return { os, architecture: known, ...(chosen === undefined || chosen === "" ? {} : { variant: chosen }) };
}

/** This machine's platform. */
export function hostPlatform(): Platform {
	return normalize("linux", process.arch, process.arch === "arm" ? "v7" : undefined);
}

/**
 * Parses `--platform`: `OS/ARCHITECTURE[/VARIANT]`, or an architecture alone.
 * @throws `invalid-argument`
 */
export function parsePlatform(text: string): Platform {
	const parts = text.split("/");
	const [os, architecture, variant] = parts.length === 1 ? ["linux", parts[0]] : parts;
	if (os === undefined || architecture === undefined || parts.length > 3 || !parts.every((part) => word.test(part))) {
		throw new CortenError("invalid-argument", `cannot parse platform ${JSON.stringify(text)}: expected OS/ARCHITECTURE[/VARIANT]`);
	}
	return normalize(os.toLowerCase(), architecture.toLowerCase(), variant?.toLowerCase());
}

/** `linux/arm/v7` */
export function formatPlatform(platform: Platform): string {
	return [platform.os, platform.architecture, ...(platform.variant === undefined ? [] : [platform.variant])].join("/");
}

// How well an offer suits: 0 not at all, higher is better. Variants of arm and amd64 are ordered, a machine runs those below its own.
function suitability(offer: Platform, wanted: Platform): number {
	const { os, architecture, variant } = normalize(offer.os, offer.architecture, offer.variant);
	if (os !== wanted.os || architecture !== wanted.architecture) return 0;
	if (variant === wanted.variant) return 100;
	const offered = /^v(\d)$/.exec(variant ?? "v0");
	const limit = /^v(\d)$/.exec(wanted.variant ?? "v1");
	if (offered === null || limit === null) return 0;
	return Number(offered[1]) <= Number(limit[1]) ? 1 + Number(offered[1]) : 0;
}

/** Whether an image made for `offer` runs where `wanted` is. */
export function platformSuits(offer: Platform, wanted: Platform): boolean {
	return suitability(offer, wanted) > 0;
}

/**
 * Chooses from an index. The first of the best wins, as the specification asks. Entries that name no platform count only when
 * nothing else suits: a manifest if it is the only one, or a nested index. Attestations (platform unknown/unknown) never match.
 * @returns undefined when nothing suits
 */
export function choosePlatform(manifests: readonly Descriptor[], wanted: Platform): Descriptor | undefined {
	const usable = manifests.filter((entry) => ["manifest", "index"].includes(mediaKind(entry.mediaType)));
	let best: { readonly entry: Descriptor; readonly rank: number } | undefined;
	for (const entry of usable) {
		const rank = entry.platform === undefined ? 0 : suitability(entry.platform, wanted);
		if (rank > (best?.rank ?? 0)) best = { entry, rank };
	}
	if (best !== undefined) return best.entry;
	const unnamed = usable.filter((entry) => entry.platform === undefined);
	return unnamed.length === 1 ? unnamed[0] : unnamed.find((entry) => mediaKind(entry.mediaType) === "index");
}
