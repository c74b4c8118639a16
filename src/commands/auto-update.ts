// corten auto-update: newer images for the containers of units that ask for it by their label, and back again when the new one is not well.

import { CortenError, isError } from "../base/errors.ts";
import { keepPrevious, takeNameBack } from "../image/previous.ts";
import { peekImage, pullImage } from "../image/pull.ts";
import { formatReference, parseSource } from "../image/reference.ts";
import { entryName, findImage, findShortName, readEntries } from "../image/store.ts";
import type { Digest } from "../spec/image.ts";
import type { ContainerRecord } from "../supervise/record.ts";
import { readStartFile } from "../supervise/start-file.ts";
import { type Container, listContainers } from "../supervise/state.ts";
import { sweep } from "../supervise/sweep.ts";
import { type Context, defineCommand } from "./command.ts";
import { formatRows } from "./format.ts";
import { warn } from "./targets.ts";
import { parseTlsVerify } from "./tls-verify.ts";
import { readEvents, type UpdateEvent, wasRolledBack, writeEvent } from "./update-history.ts";
import { restartAndJudge } from "./update-judge.ts";

const label = "io.containers.autoupdate";
const columns = ["Unit", "Container", "Image", "Policy", "Updated"];
const headings = { Unit: "UNIT", Container: "CONTAINER", Image: "IMAGE", Policy: "POLICY", Updated: "UPDATED" };
const eventColumns = ["Time", "Unit", "Image", "Before", "After", "Verdict"];
const eventHeadings = {
	...{ Time: "TIME", Unit: "UNIT", Container: "CONTAINER", Image: "IMAGE", Policy: "POLICY" },
	...{ Before: "BEFORE", After: "AFTER", Verdict: "VERDICT", Why: "WHY" },
};

/** A container that is to be kept up to date. */
type Target = {
	readonly unit: NonNullable<ContainerRecord["unit"]>;
	readonly container: string;
	/** Full name. */
	readonly image: string;
	readonly policy: "registry" | "local";
	/** Of the manifest it runs. */
	readonly digest: Digest;
};

type Options = {
	readonly rollback: boolean;
	readonly dryRun: boolean;
	readonly retry: boolean;
	readonly tlsVerify: boolean;
	/** Whether it was said, not assumed. */
	readonly tlsVerifyGiven: boolean;
	readonly probationMs: number;
	/** Images before that stay. */
	readonly keep: number;
};

/** podman's words, and "skipped" for what has been taken back before. */
type Outcome = "true" | "false" | "pending" | "failed" | "rolled back" | "skipped";

/** `corten auto-update` */
export const command = defineCommand({
	summary: "update the containers of units to newer images, and take back what is not well",
	usage: "[OPTIONS]",
	options: {
		"dry-run": { kind: "flag", help: "only show what would be updated" },
		rollback: { kind: "value", metavar: "BOOL", choices: ["true", "false"], help: "false: do not take a bad update back (default true)" },
		probation: { kind: "value", metavar: "SECONDS", help: "how long a container without health check must run to be well (default 10)" },
		keep: { kind: "value", metavar: "N", help: "how many of the images before stay in the store (default 1)" },
		retry: { kind: "flag", help: "try again also what has been taken back before" },
		history: { kind: "flag", help: "show what has been updated when, and how it went" },
		format: { kind: "value", metavar: "FORMAT", help: "table, json, or a Go template" },
		"tls-verify": { kind: "value", metavar: "BOOL", help: "false: accept any certificate, and plain http (default true)" },
	},
	operands: { min: 0, max: 0 },
	description: [
		"Looks at running containers with the label io.containers.autoupdate (AutoUpdate= of a .container file): registry asks the registry what the image's name means now, local the store, after a build or a pull. Where that is not the image the container runs, the image is pulled and the container's unit restarted.",
		"A new container is well when its unit's start job succeeds and its health check says healthy before it says unhealthy (see --health-cmd of corten-run(1)), or, without one, when it still runs after a time of probation. Otherwise the name is given back to the image before, and the units that were updated to the new one are restarted. The images before stay in the store, the last one or as many as --keep says, without a name: corten tag ID NAME gives it back. An image that has been taken back is not tried again.",
		"The unit must make a new container at each start, by corten run: the transient units of corten run -d start the same container again, and cannot be updated.",
		"corten-auto-update.timer does this once a day: systemctl enable --now corten-auto-update.timer.",
		"The column UPDATED is true, false, pending (--dry-run), rolled back, skipped (taken back before) or failed; the exit status is 1 when there was one of rolled back and failed.",
	],
	examples: [
		["corten auto-update --dry-run", "what would be updated"],
		["corten auto-update --history", "what was updated, from which digest to which, and the verdict"],
	],
	run: async (context, options) => {
		if (options.history) return showHistory(context, options.format);
		sweep(context.root, warn(context));
		const { targets, refused } = findTargets(context);
		const wanted: Options = {
			rollback: options.rollback !== "false",
			dryRun: options["dry-run"],
			retry: options.retry,
			tlsVerify: parseTlsVerify(options["tls-verify"]),
			tlsVerifyGiven: options["tls-verify"] !== undefined,
			probationMs: parseProbation(options.probation),
			keep: parseKeep(options.keep),
		};
		const rows: Record<string, string>[] = [];
		for (const group of grouped(targets)) {
			const outcomes = await updateGroup(context, group, wanted);
			for (const [index, { unit, container, image, policy }] of group.entries())
				rows.push({ Unit: unit.name, Container: container, Image: image, Policy: policy, Updated: outcomes[index] ?? "failed" });
		}
		context.print(formatRows(options.format, columns, headings, rows));
		return refused || rows.some(({ Updated }) => Updated === "failed" || Updated === "rolled back") ? 1 : 0;
	},
});

function parseProbation(text = "10"): number {
	if (/^\d{1,6}$/.test(text)) return Number(text) * 1000;
	throw new CortenError("invalid-argument", `cannot use "${text}" as --probation: it is no number of seconds`, { at: "--probation" });
}

function parseKeep(text = "1"): number {
	if (/^[1-9]\d{0,2}$/.test(text)) return Number(text);
	throw new CortenError("invalid-argument", `cannot use "${text}" as --keep: expected a number from 1 to 999`, { at: "--keep" });
}

/** Containers that ask for updates and can have them; of the others it is said why not. */
function findTargets(context: Context): { readonly targets: readonly Target[]; readonly refused: boolean } {
	const targets: Target[] = [];
	let refused = false;
	for (const container of listContainers(context.root, warn(context))) {
		const policy = container.record.labels[label];
		if (container.state.process === null || policy === undefined || policy === "" || policy === "disabled") continue;
		try {
			targets.push(targetOf(context.root, container, policy));
		} catch (error) {
			if (!isError(error)) throw error;
			warn(context)(error);
			refused = true;
		}
	}
	return { targets, refused };
}

function targetOf(root: string, { record, folder }: Container, word: string): Target {
	const policy = word === "image" ? "registry" : word; // podman's older word
	const refuse = (why: string, hint?: string): CortenError =>
		new CortenError("unsupported", `cannot update container "${record.name}": ${why}`, hint === undefined ? {} : { hint });
	if (policy !== "registry" && policy !== "local") throw refuse(`its label ${label} is "${word}"`, "it is registry, local or disabled");
	if (record.unit === null) throw refuse("it is in no unit that could be restarted");
	if (record.unit.own || readStartFile(folder) !== undefined) {
		throw refuse("its unit starts the same container again", "write a unit with ExecStart=corten run --rm ...");
	}
	const resolved = record.image === null ? undefined : findShortName(readEntries(root), record.image.reference);
	const source = record.image === null ? undefined : parseSource(resolved === undefined ? record.image.reference : entryName(resolved));
	if (record.image === null || source?.transport !== "docker") throw refuse("its image has no name in a registry");
	if (source.reference.digest !== undefined) throw refuse("its image is named by a digest, which never means another");
	return {
		unit: record.unit,
		container: record.name,
		image: formatReference(source.reference),
		policy,
		digest: record.image.digest as Digest,
	};
}

/** What shares a name shares its fate: the name means one image. */
function grouped(targets: readonly Target[]): Target[][] {
	const groups = new Map<string, Target[]>();
	for (const target of targets) {
		const key = `${target.policy} ${target.image}`;
		groups.set(key, [...(groups.get(key) ?? []), target]);
	}
	return [...groups.values()];
}

/** @returns an outcome for each target of the group */
async function updateGroup(context: Context, group: readonly Target[], options: Options): Promise<Outcome[]> {
	const [first] = group;
	if (first === undefined) return [];
	const { image, policy } = first;
	try {
		const latest = await latestDigest(context, image, policy, options);
		const events = readEvents(context.root);
		const plans = group.map((target): Outcome => {
			if (target.digest === latest) return "false";
			return !options.retry && wasRolledBack(events, target.unit, latest) ? "skipped" : "pending";
		});
		if (options.dryRun || !plans.includes("pending") || plans.includes("skipped")) {
			return options.dryRun ? plans : plans.map((plan) => (plan === "pending" ? "skipped" : plan));
		}
		return await update(context, group, plans, options);
	} catch (error) {
		if (!isError(error)) throw error;
		warn(context)(error);
		return group.map(() => "failed" as const);
	}
}

async function latestDigest(
	context: Context,
	image: string,
	policy: Target["policy"],
	{ tlsVerify, tlsVerifyGiven }: Options,
): Promise<Digest> {
	if (policy === "registry") return peekImage(image, { root: context.root, registry: { tlsVerify, tlsVerifyGiven } });
	const record = await findImage(context.root, image);
	if (record === undefined) throw new CortenError("not-found", `cannot find image "${image}" in the store`);
	return record.digest;
}

async function update(context: Context, group: readonly Target[], plans: readonly Outcome[], options: Options): Promise<Outcome[]> {
	const outcomes = [...plans];
	const pending = group.flatMap((target, index) => (plans[index] === "pending" ? [{ target, index }] : []));
	const [first] = pending;
	if (first === undefined) return outcomes;
	const { image, policy, digest: before } = first.target;
	keepPrevious(context.root, image, before, options.keep);
	const after = policy === "registry" ? await pull(context, image, options) : await latestDigest(context, image, policy, options);
	const updated: typeof pending = [];
	for (const { target, index } of pending) {
		updated.push({ target, index });
		const why = restartAndJudge(context.root, target.unit, after, options.probationMs);
		if (why === "") {
			outcomes[index] = "true";
			note(context, target, after, "updated", "");
			continue;
		}
		context.log("warn", `unit "${target.unit.name}" is not well with image "${image}" (${after}): ${why}`);
		const back = options.rollback ? rollBack(context, updated, before, options) : "nothing was to be taken back";
		for (const done of updated) {
			outcomes[done.index] = back === "" ? "rolled back" : "failed";
			const reason = done.target === target ? why : `unit "${target.unit.name}": ${why}`;
			note(context, done.target, after, back === "" ? "rolled back" : "failed", back === "" ? reason : `${reason}; ${back}`);
		}
		for (const { index: left } of pending.slice(updated.length)) outcomes[left] = "skipped";
		break;
	}
	return outcomes;
}

async function pull(context: Context, image: string, { tlsVerify, tlsVerifyGiven }: Options): Promise<Digest> {
	const result = await pullImage(image, { root: context.root, registry: { tlsVerify, tlsVerifyGiven } });
	if (result.warning !== undefined) context.log("warn", result.warning);
	return result.record.digest;
}

/** @returns why it could not be taken back; "" when all are well again */
function rollBack(context: Context, updated: readonly { readonly target: Target }[], before: Digest, { probationMs }: Options): string {
	try {
		takeNameBack(context.root, updated[0]?.target.image ?? "", before);
		const unwell = updated.flatMap(({ target: { unit } }) => {
			const why = restartAndJudge(context.root, unit, before, probationMs);
			return why === "" ? [] : [`unit "${unit.name}" is not well with the image before either: ${why}`];
		});
		for (const line of unwell) context.log("warn", line);
		return unwell.join("; ");
	} catch (error) {
		if (!isError(error)) throw error;
		warn(context)(error);
		return `it could not be taken back: ${error.message}`;
	}
}

function note({ root }: Context, target: Target, after: Digest, verdict: UpdateEvent["verdict"], why: string): void {
	const { unit, container, image, policy, digest: before } = target;
	const time = `${new Date().toISOString().slice(0, 19)}Z`;
	writeEvent(root, { time, unit: unit.name, user: unit.user, container, image, policy, before, after, verdict, why });
}

function showHistory(context: Context, format: string | undefined): number {
	const short = (digest: string): string => (format === undefined || format === "table" ? digest.slice(0, 19) : digest);
	const rows = readEvents(context.root).map(({ time, unit, container, image, policy, before, after, verdict, why }) => ({
		...{ Time: time, Unit: unit, Container: container, Image: image, Policy: policy, Before: short(before), After: short(after) },
		...{ Verdict: format === undefined && why !== "" ? `${verdict}: ${why}` : verdict, Why: why },
	}));
	context.print(formatRows(format, eventColumns, eventHeadings, rows));
	return 0;
}
