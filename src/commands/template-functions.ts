// The functions of a --format template, and how a value looks when a template prints it (Go's %v).

/** A value as Go prints it: lists in brackets, maps sorted, nothing as `<no value>`. */
export function formatValue(value: unknown): string {
	if (value === null || value === undefined) return "<no value>";
	if (Array.isArray(value)) return `[${value.map(formatValue).join(" ")}]`;
	if (typeof value === "object") {
		const entries = value instanceof Map ? [...value.entries()] : Object.entries(value);
		return `map[${entries
			.sort(([a], [b]) => (a < b ? -1 : 1))
			.map(([key, member]) => `${key}:${formatValue(member)}`)
			.join(" ")}]`;
	}
	return String(value);
}

/** Go's truth: not empty, not zero, not nothing. */
export function isTrue(value: unknown): boolean {
	if (Array.isArray(value)) return value.length > 0;
	if (value instanceof Map) return value.size > 0;
	if (typeof value === "object" && value !== null) return true;
	return Boolean(value);
}

/** A value as JSON on one line; Maps as objects. */
export function toJson(value: unknown, indent?: number): string {
	const plain = (_key: string, member: unknown) =>
		member instanceof Map ? Object.fromEntries(member) : typeof member === "bigint" ? Number(member) : member;
	return JSON.stringify(value ?? null, plain, indent);
}

function text(value: unknown): string {
	if (typeof value === "string") return value;
	if (typeof value === "number" || typeof value === "boolean") return String(value);
	throw new Error(`expected text, found ${formatValue(value).slice(0, 40)}`);
}

function list(value: unknown): readonly unknown[] {
	if (Array.isArray(value)) return value;
	if (value === null || value === undefined) return [];
	throw new Error(`expected a list, found ${formatValue(value).slice(0, 40)}`);
}

function order(a: unknown, b: unknown): number {
	if (typeof a === "number" && typeof b === "number") return a - b;
	const [left, right] = [text(a), text(b)];
	return left < right ? -1 : left > right ? 1 : 0;
}

function length(value: unknown): number {
	if (typeof value === "string") return new TextEncoder().encode(value).length;
	if (value instanceof Map) return value.size;
	if (typeof value === "object" && value !== null && !Array.isArray(value)) return Object.keys(value).length;
	return list(value).length;
}

function index(value: unknown, keys: readonly unknown[]): unknown {
	let found = value;
	for (const key of keys) {
		if (found === null || found === undefined) return undefined;
		if (found instanceof Map) found = found.get(key);
		else if (Array.isArray(found)) {
			if (typeof key !== "number" || key < 0 || key >= found.length) throw new Error(`index ${formatValue(key)} is out of range`);
			found = found[key];
		} else if (typeof found === "object")
			found = Object.hasOwn(found, text(key)) ? (found as Record<string, unknown>)[text(key)] : undefined;
		else throw new Error(`cannot index ${formatValue(found).slice(0, 40)}`);
	}
	return found;
}

function slice(value: unknown, from = 0, to?: unknown): unknown {
	const size = length(value);
	const end = to === undefined ? size : Number(to);
	if (from < 0 || end > size || from > end) throw new Error(`slice from ${from} to ${end} is out of range`);
	return typeof value === "string" ? value.slice(from, end) : list(value).slice(from, end);
}

/** %s %v %d %q %t %x %% with width, as far as --format needs them. */
function printf(format: unknown, values: readonly unknown[]): string {
	let next = 0;
	return text(format).replace(/%(-)?(0)?(\d+)?(?:\.(\d+))?([a-zA-Z%])/g, (_, left, zero, width, precision, verb: string) => {
		if (verb === "%") return "%";
		const value = values[next++];
		let shown = formatValue(value);
		if (verb === "q") shown = JSON.stringify(shown);
		else if (verb === "x" && typeof value === "number") shown = value.toString(16);
		else if (verb === "f" && typeof value === "number") shown = value.toFixed(Number(precision ?? 6));
		else if (!"svdtf".includes(verb)) throw new Error(`printf does not know %${verb}`);
		if (precision !== undefined && verb === "s") shown = shown.slice(0, Number(precision));
		if (width === undefined) return shown;
		return left ? shown.padEnd(Number(width)) : shown.padStart(Number(width), zero && verb !== "s" ? "0" : " ");
	});
}

const functions: Readonly<Record<string, (args: readonly unknown[]) => unknown>> = {
	json: ([value]) => toJson(value),
	len: ([value]) => length(value),
	index: ([value, ...keys]) => index(value, keys),
	slice: ([value, from, to]) => slice(value, Number(from ?? 0), to),
	join: ([values, separator]) => list(values).map(formatValue).join(text(separator)),
	split: ([value, separator]) => text(value).split(text(separator)),
	upper: ([value]) => text(value).toUpperCase(),
	lower: ([value]) => text(value).toLowerCase(),
	title: ([value]) => text(value).replace(/(^|\s)\S/g, (letter) => letter.toUpperCase()),
	truncate: ([value, size]) => text(value).slice(0, Number(size)),
	pad: ([value, before, after]) => `${" ".repeat(Number(before))}${text(value)}${" ".repeat(Number(after))}`,
	// Go's print puts a space only between operands that are both no strings.
	print: (args) =>
		args.map((arg, at) => (at > 0 && typeof arg !== "string" && typeof args[at - 1] !== "string" ? " " : "") + formatValue(arg)).join(""),
	println: (args) => `${args.map(formatValue).join(" ")}\n`,
	printf: ([format, ...values]) => printf(format, values),
	not: ([value]) => !isTrue(value),
	and: (args) => args[args.findIndex((arg, at) => !isTrue(arg) || at === args.length - 1)],
	or: (args) => args[args.findIndex((arg, at) => isTrue(arg) || at === args.length - 1)],
	eq: ([first, ...others]) => others.some((other) => other === first),
	ne: ([a, b]) => a !== b,
	lt: ([a, b]) => order(a, b) < 0,
	le: ([a, b]) => order(a, b) <= 0,
	gt: ([a, b]) => order(a, b) > 0,
	ge: ([a, b]) => order(a, b) >= 0,
};

/** Calls a function of a template. @throws Error with the reason, for the template's own error */
export function callFunction(name: string, args: readonly unknown[]): unknown {
	const found = Object.hasOwn(functions, name) ? functions[name] : undefined;
	if (found === undefined) throw new Error(`there is no function "${name}"; there are ${Object.keys(functions).sort().join(", ")}`);
	if (args.length === 0) throw new Error(`${name} needs an argument`);
	return found(args);
}
