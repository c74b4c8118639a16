// Which files say what about registries, and what they say together. Read when something goes to a registry, never before.
// @see containers-registries.conf(5), containers-registries.conf.d(5)

import { CortenError } from "../../base/errors.ts";
import { exists, listFolder, readText, readTextIfPresent } from "../../linux/file.ts";
import { decodeRegistries, type RegistriesConfig } from "./decode.ts";

/** The variables of a process. */
export type Environment = Readonly<Record<string, string | undefined>>;

const maxBytes = 1 << 20;

/** Where the files of the system are; another folder in tests. */
export const systemFolder = "/etc/containers";

/**
 * The main file, and the folders of what is added to it. A main file of the user's takes the place of all the system has.
 * @param environment of it $CONTAINERS_REGISTRIES_CONF and $HOME
 */
export function configFiles(environment: Environment, system: string = systemFolder) {
	const { CONTAINERS_REGISTRIES_CONF: named, HOME } = environment;
	const own = HOME ? `${HOME}/.config/containers/registries.conf` : undefined;
	const ownFolders = own === undefined ? [] : [`${own}.d`];
	if (named) return { main: named, required: true, folders: [`${system}/registries.conf.d`, ...ownFolders] };
	if (own !== undefined && exists(own)) return { main: own, required: false, folders: ownFolders };
	return { main: `${system}/registries.conf`, required: false, folders: [`${system}/registries.conf.d`, ...ownFolders] };
}

/**
 * Reads all of the configuration. Without any file it says nothing at all.
 * @throws as {@link decodeRegistries}; `not-found` when $CONTAINERS_REGISTRIES_CONF names no file; `permission-denied`
 */
export function loadRegistries(environment: Environment, system?: string): RegistriesConfig {
	const { main, required, folders } = configFiles(environment, system);
	const mainText = required ? readText(main, maxBytes) : readTextIfPresent(main, maxBytes);
	let config: RegistriesConfig = mainText === undefined ? { rules: new Map(), aliases: new Map() } : decodeRegistries(mainText, main);
	for (const folder of folders) {
		for (const name of listFolder(folder).sort()) {
			if (!name.endsWith(".conf")) continue;
			const path = `${folder}/${name}`;
			const text = readDropIn(path);
			if (text !== undefined) config = mergeRegistries(config, decodeRegistries(text, path));
		}
	}
	return config;
}

function readDropIn(path: string): string | undefined {
	try {
		return readTextIfPresent(path, maxBytes);
	} catch (error) {
		// A folder with such a name is passed over.
		if (error instanceof CortenError && error.errno === 21) return undefined;
		throw error;
	}
}

/** What a later file says counts; rules and aliases are merged by their prefixes and names. */
export function mergeRegistries(before: RegistriesConfig, later: RegistriesConfig): RegistriesConfig {
	return {
		...before,
		...later,
		rules: new Map([...before.rules, ...later.rules]),
		aliases: new Map([...before.aliases, ...later.aliases]),
	};
}

/**
 * The aliases podman has written down after a person chose; they go before those of the configuration.
 * @returns none without the file
 */
export function loadRecordedAliases(
	environment: Environment,
	path: string | undefined = recordedAliasesFile(environment),
): RegistriesConfig["aliases"] {
	const text = path === undefined ? undefined : readTextIfPresent(path, maxBytes);
	return path === undefined || text === undefined ? new Map() : decodeRegistries(text, path).aliases;
}

function recordedAliasesFile({ XDG_CACHE_HOME, HOME }: Environment): string | undefined {
	// In a user namespace of ours the uid is 0, and the file of root's is not ours.
	const isRoot = process.getuid?.() === 0 && /^\s*0\s+0\s+4294967295/.test(readTextIfPresent("/proc/self/uid_map") ?? "");
	if (isRoot) return "/var/cache/containers/short-name-aliases.conf";
	const cache = XDG_CACHE_HOME || (HOME ? `${HOME}/.cache` : undefined);
	return cache === undefined ? undefined : `${cache}/containers/short-name-aliases.conf`;
}
