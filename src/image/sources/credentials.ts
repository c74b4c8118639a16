// Finds the credentials for one registry in the files podman and docker write (`podman login`, `docker login`). Read only when a
// registry has asked for them.
// @see containers-auth.json(5)

import { CortenError } from "../../base/errors.ts";
import { readTextIfPresent } from "../../linux/file.ts";
import { decodeJson, fallback, type Infer, object, optional, record, string } from "../../spec/decode.ts";

/** What to present to a registry or its token service. */
export type Credentials = { readonly username: string; readonly password: string } | { readonly identityToken: string };

const authFile = object({
	auths: fallback(record(object({ auth: optional(string), identitytoken: optional(string) })), {}),
	credHelpers: fallback(record(string), {}),
	credsStore: fallback(string, ""),
});
type AuthFile = Infer<typeof authFile>;

/** The files that are looked at, in order. `$REGISTRY_AUTH_FILE` alone if it is set, as podman and skopeo do. */
export function authFiles(environment: Readonly<Record<string, string | undefined>>): readonly string[] {
	const { REGISTRY_AUTH_FILE, XDG_RUNTIME_DIR, XDG_CONFIG_HOME, DOCKER_CONFIG, HOME } = environment;
	if (REGISTRY_AUTH_FILE) return [REGISTRY_AUTH_FILE];
	const files: string[] = [
		XDG_RUNTIME_DIR ? `${XDG_RUNTIME_DIR}/containers/auth.json` : `/run/containers/${process.getuid?.() ?? 0}/auth.json`,
	];
	const config = XDG_CONFIG_HOME || (HOME ? `${HOME}/.config` : undefined);
	if (config) files.push(`${config}/containers/auth.json`);
	const docker = DOCKER_CONFIG || (HOME ? `${HOME}/.docker` : undefined);
	if (docker) files.push(`${docker}/config.json`);
	return files;
}

/**
 * Finds credentials for a repository: the entry of the longest path (`host/a/b`, `host/a`, `host`) in the first file that has one.
 * @param domain as in the reference: `docker.io`, `quay.io`, `localhost:5000`
 * @param helpers credential helpers that are asked in order; `containers-auth.json` among them is the files. None: the files
 * @returns undefined if there are none
 * @throws `invalid-spec` for a file that cannot be decoded; `permission-denied`; `unavailable` if a credential helper fails
 */
export async function findCredentials(
	domain: string,
	repository: string,
	environment: Readonly<Record<string, string | undefined>>,
	helpers: readonly string[] = [],
): Promise<Credentials | undefined> {
	for (const helper of helpers.length === 0 ? [filesHelper] : helpers) {
		const found =
			helper === filesHelper ? await findInFiles(domain, repository, environment) : await askHelper(helper, domain, environment);
		if (found !== undefined) return found;
	}
	return undefined;
}

/** The word of registries.conf's credential-helpers that means the files. */
const filesHelper = "containers-auth.json";

async function findInFiles(
	domain: string,
	repository: string,
	environment: Readonly<Record<string, string | undefined>>,
): Promise<Credentials | undefined> {
	for (const path of authFiles(environment)) {
		const text = readTextIfPresent(path, 1 << 20);
		if (text === undefined || text.trim() === "") continue;
		const found = await findInFile(decodeJson(authFile, text, `credentials file "${path}"`), domain, repository, path, environment);
		if (found !== undefined) return found;
	}
	return undefined;
}

async function findInFile(
	file: AuthFile,
	domain: string,
	repository: string,
	path: string,
	environment: Readonly<Record<string, string | undefined>>,
) {
	const helper = Object.hasOwn(file.credHelpers, domain) ? file.credHelpers[domain] : undefined;
	if (helper) return await askHelper(helper, domain, environment);
	for (const key of keysFor(domain, repository)) {
		const entry = Object.entries(file.auths).find(([name]) => normalizeKey(name) === key)?.[1];
		if (entry === undefined) continue;
		if (entry.identitytoken) return { identityToken: entry.identitytoken };
		if (entry.auth) return decodeAuth(entry.auth, key, path);
	}
	return file.credsStore === "" ? undefined : await askHelper(file.credsStore, domain, environment);
}

function keysFor(domain: string, repository: string): string[] {
	const parts = `${domain}/${repository}`.split("/");
	return parts.map((_, index) => parts.slice(0, parts.length - index).join("/"));
}

// docker writes "https://index.docker.io/v1/", others a host or a host with a path.
function normalizeKey(name: string): string {
	const bare = name.replace(/^https?:\/\//, "").replace(/\/+$/, "");
	const host = bare.replace(/\/v[12]$/, "");
	return host.replace(/^(?:index|registry-1)\.docker\.io(?=\/|$)/, "docker.io");
}

function decodeAuth(auth: string, key: string, path: string): Credentials {
	const text = Buffer.from(auth, "base64").toString("utf8").replace(/\0+$/, "");
	const colon = text.indexOf(":");
	if (colon <= 0)
		throw new CortenError("invalid-spec", `cannot decode credentials file "${path}": the entry of "${key}" is not user:password in base64`);
	return { username: text.slice(0, colon), password: text.slice(colon + 1) };
}

/**
 * Runs a credential helper: a program the administrator has installed and named in a file of theirs; its name must not become a path.
 * @param input what it reads: a registry, or the credentials to store
 * @returns what it says; undefined when it ends with a failure, which is how it says that it has nothing
 * @throws `invalid-spec` for a name with a path; `unavailable` when it cannot be run
 */
export async function runHelper(
	name: string,
	action: "get" | "store" | "erase",
	input: string,
	environment: Readonly<Record<string, string | undefined>>,
): Promise<string | undefined> {
	if (!/^[A-Za-z0-9_-][A-Za-z0-9._-]*$/.test(name))
		throw new CortenError("invalid-spec", `cannot use credential helper ${JSON.stringify(name)}: not a plain name`);
	const program = `docker-credential-${name}`;
	try {
		const child = Bun.spawn([program, action], {
			stdin: new TextEncoder().encode(input),
			stdout: "pipe",
			stderr: "ignore",
			env: { ...environment },
			timeout: 30_000,
		});
		const output = await child.stdout.text();
		if ((await child.exited) === 0) return output;
		if (action === "store") throw new Error(`it ended with status ${child.exitCode}`);
		return undefined;
	} catch (cause) {
		throw new CortenError("unavailable", `cannot run credential helper "${program}"`, { cause });
	}
}

async function askHelper(
	name: string,
	domain: string,
	environment: Readonly<Record<string, string | undefined>>,
): Promise<Credentials | undefined> {
	const output = await runHelper(name, "get", domain === "docker.io" ? "https://index.docker.io/v1/" : domain, environment);
	if (output === undefined) return undefined;
	const answer = decodeJson(
		object({ Username: string, Secret: string }),
		output,
		`answer of credential helper "docker-credential-${name}"`,
	);
	return answer.Username === "<token>" ? { identityToken: answer.Secret } : { username: answer.Username, password: answer.Secret };
}
