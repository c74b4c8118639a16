// The isolators of appc: what each of them may say. An isolator that nobody knows is refused, as the reference does in an image.
// @see appc spec ace.md#isolators

import {
	anything,
	boolean,
	type Decoder,
	fail,
	failed,
	fallback,
	type Infer,
	integer,
	list,
	object,
	optional,
	pointer,
	quote,
	record,
	refine,
	text,
} from "./decode.ts";

/** Kubernetes' grammar of quantities, which appc shares: `250m`, `1.5G`, `64Mi`, `1e3`. */
const quantityGrammar = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[numkKMGTPE]|[KMGTPE]i|[eE][+-]?\d+)?$/;

const quantity: Decoder<string> = (value, at, issues) => {
	const word = typeof value === "number" || typeof value === "bigint" ? String(value) : value;
	if (typeof word === "string" && quantityGrammar.test(word)) return word;
	return fail(issues, at, `${typeof word === "string" ? quote(word) : typeof word} is no quantity`);
};

const resource = refine(object({ default: fallback(boolean, false), request: optional(quantity), limit: optional(quantity) }), (value) =>
	value.default
		? "default must be false"
		: value.limit === undefined && value.request === undefined
			? "says neither request nor limit"
			: undefined,
);
const device = refine(object({ default: fallback(boolean, false), request: optional(quantity), limit: optional(quantity) }), (value) =>
	!value.default
		? "default must be true"
		: value.request !== undefined
			? "request is not allowed"
			: value.limit === undefined
				? "has no limit"
				: undefined,
);

const nonEmptySet = refine(list(text, 4096), (set) => (set.length === 0 ? "is empty" : undefined));
const capabilities = object({
	set: refine(nonEmptySet, (set) => {
		const wrong = set.find((name) => !/^CAP_[A-Z_0-9]+$/.test(name));
		return wrong === undefined ? undefined : `${quote(wrong)} is no capability`;
	}),
});
const seccomp = object({
	set: nonEmptySet,
	errno: fallback(
		refine(text, (value) => (value === "" || /^E[A-Z0-9]*$/.test(value) ? undefined : `${quote(value)} is no name of an errno`)),
		"",
	),
});
const selinuxWord = refine(text, (value) =>
	value === "" || value.includes(":") ? `${quote(value)} is empty or holds a colon` : undefined,
);
const level = refine(text, (value) => (value === "" ? "is empty" : undefined));

/** Name -> what its value must be. */
const known: Readonly<Record<string, Decoder<unknown>>> = {
	"os/linux/capabilities-retain-set": capabilities,
	"os/linux/capabilities-remove-set": capabilities,
	"os/linux/seccomp-retain-set": seccomp,
	"os/linux/seccomp-remove-set": seccomp,
	"os/linux/no-new-privileges": boolean,
	"os/linux/selinux-context": object({ user: selinuxWord, role: selinuxWord, type: selinuxWord, level }),
	"os/linux/apparmor-profile": object({ profile: level }),
	"os/linux/oom-score-adj": integer(-1000, 1000),
	"os/linux/cpu-shares": integer(2, 262144),
	"resource/cpu": resource,
	"resource/memory": resource,
	"resource/block-bandwidth": device,
	"resource/block-iops": device,
	"resource/network-bandwidth": device,
	"os/unix/sysctl": record(text),
};

/** Of each group an app has one at most. */
const exclusive = [
	["os/linux/capabilities-retain-set", "os/linux/capabilities-remove-set"],
	["os/linux/seccomp-retain-set", "os/linux/seccomp-remove-set"],
];

const element = object({ name: text, value: anything });
type Isolator = Infer<typeof element>;

/** The isolators of an app. */
export const isolators: Decoder<readonly Isolator[]> = (value, at, issues) => {
	const decoded = list(element, 1000)(value, at, issues);
	if (decoded === failed) return failed;
	const before = issues.length;
	for (const [index, isolator] of decoded.entries()) {
		const here = pointer(at, index);
		const decoder = Object.hasOwn(known, isolator.name) ? known[isolator.name] : undefined;
		if (decoder === undefined) fail(issues, pointer(here, "name"), `${quote(isolator.name)} is no isolator of appc`);
		else decoder(isolator.value, pointer(here, "value"), issues);
	}
	for (const group of exclusive)
		if (decoded.filter(({ name }) => group.includes(name)).length > 1) fail(issues, at, `has more than one of ${group.join(" and ")}`);
	return issues.length === before ? decoded : failed;
};
