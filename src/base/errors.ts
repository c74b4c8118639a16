// The one error type. Every failure that leaves a function is a CortenError; callers branch on `code`, never on text.
// Messages have the form `cannot <verb> <noun> "<value>"`; the two main.ts join the chain of causes once, and nobody else prints.

/** Why something failed, in the smallest set a caller can act on. */
export const errorCodes = [
	"invalid-argument", // the command line, an option file or an environment variable
	"invalid-spec", // a document (manifest, config.json, archive) that breaks its specification
	"not-found",
	"already-exists",
	"wrong-state", // the object exists, but not in a state that allows this
	"unsupported", // known, and not (yet) done by corten or by this kernel
	"permission-denied",
	"busy",
	"integrity", // bytes that are not what their digest or size says
	"unavailable", // a registry or service that cannot be reached or refuses for now
	"system", // a system call failed; errno says how
	"bug", // an invariant of ours is broken
] as const;

/** One of {@link errorCodes}. */
export type ErrorCode = (typeof errorCodes)[number];

/** What a {@link CortenError} may carry beside its code and message. */
export type ErrorDetail = {
	/** Where the input was: a JSON pointer (`/mounts/0`), an option (`--user`), a file and line. */
	readonly at?: string;
	/** The kernel's positive error number. */
	readonly errno?: number;
	readonly cause?: unknown;
	/** What the person can do next, printed on a line of its own. */
	readonly hint?: string;
};

/** The only error class of corten. */
export class CortenError extends Error {
	readonly code: ErrorCode;
	readonly at: string | undefined;
	readonly errno: number | undefined;
	readonly hint: string | undefined;

	constructor(code: ErrorCode, message: string, detail: ErrorDetail = {}) {
		super(message, detail.cause === undefined ? undefined : { cause: detail.cause });
		this.name = "CortenError";
		this.code = code;
		this.at = detail.at;
		this.errno = detail.errno;
		this.hint = detail.hint;
	}
}

/** Narrows to a CortenError, of one code if one is named. */
export function isError(value: unknown, code?: ErrorCode): value is CortenError {
	return value instanceof CortenError && (code === undefined || value.code === code);
}

/** For the default branch of a switch over a closed set. @throws `bug` always. */
export function unreachable(value: never): never {
	throw new CortenError("bug", `unexpected value ${JSON.stringify(value)}`);
}

/** The chain of causes, joined once: `cannot run "x": cannot open "/y": ENOENT no such file or directory`. */
export function joinCauses(error: unknown): string {
	const parts: string[] = [];
	for (let link: unknown = error; link !== undefined && parts.length < 16; link = link instanceof Error ? link.cause : undefined) {
		const text = link instanceof Error ? link.message : String(link);
		if (!parts.at(-1)?.endsWith(text)) parts.push(text);
	}
	return parts.join(": ");
}
