// The config.json of a container, as it was when it was created.

import { decodeConfig } from "../bundle/config-decode.ts";
import { readFile } from "../linux/file.ts";
import type { Config } from "../spec/runtime.ts";

/** Reads and decodes it. @throws `not-found` when the container is being removed; else as decodeConfig */
export function readContainerConfig(folder: string): Config {
	const path = `${folder}/config.json`;
	return decodeConfig(readFile(path, 16 << 20), `config "${path}"`);
}

/** Whether the text of a config.json mentions hooks at all: most have none, and then it need not be decoded. */
export function mentionsHooks(folder: string): boolean {
	return new TextDecoder().decode(readFile(`${folder}/config.json`, 16 << 20)).includes('"hooks"');
}
