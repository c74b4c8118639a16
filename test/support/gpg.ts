// Debian's gpg with a home of its own: keys and signatures that another implementation made. Its agent ends with it.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { must } from "./must.ts";

/** Seconds of a day long ago, for keys that have expired since. */
const longAgo = "20150101T000000";

/** A gpg home folder; dispose it. */
export class Gpg implements Disposable {
	readonly home = mkdtempSync(`${tmpdir()}/corten-gpg-`);

	/** Runs gpg. @returns stdout */
	run(...args: readonly string[]): Uint8Array {
		return must(["gpg", "--homedir", this.home, "--batch", "--quiet", "--yes", "--pinentry-mode", "loopback", "--passphrase", "", ...args]);
	}

	/** Makes a key. @param algorithm as gpg names it @param expired it was valid for a month, long ago @returns its fingerprint in lower case */
	makeKey(name: string, algorithm = "ed25519", expired = false): string {
		const time = expired ? ["--faked-system-time", longAgo] : [];
		this.run(...time, "--quick-generate-key", name, algorithm, "sign", expired ? "1m" : "never");
		return this.fingerprint(name);
	}

	/** The fingerprint of the primary key with this user id. */
	fingerprint(name: string): string {
		const listing = new TextDecoder().decode(this.run("--with-colons", "--list-keys", name));
		return (/^fpr:+([0-9A-F]+):/m.exec(listing)?.[1] ?? "").toLowerCase();
	}

	/** The public key. */
	export(name: string, armour = true): Uint8Array {
		return this.run(...(armour ? ["--armor"] : []), "--export", name);
	}

	/** Revokes a key by the certificate that gpg made with it. */
	revoke(name: string): void {
		const path = `${this.home}/openpgp-revocs.d/${this.fingerprint(name).toUpperCase()}.rev`;
		// gpg puts a colon before the block, against accidents.
		writeFileSync(`${this.home}/revoke`, readFileSync(path, "utf8").replace(":-----BEGIN", "-----BEGIN"));
		this.run("--import", `${this.home}/revoke`);
	}

	/** A detached signature. @param options more of gpg's options, before the command */
	sign(name: string, data: Uint8Array, options: readonly string[] = ["--armor"]): Uint8Array {
		writeFileSync(`${this.home}/data`, data);
		return this.run("--local-user", name, ...options, "--output", "-", "--detach-sign", `${this.home}/data`);
	}

	/** A detached signature by a key that has expired, dated when it had not. */
	signLongAgo(name: string, data: Uint8Array): Uint8Array {
		return this.sign(name, data, ["--armor", "--faked-system-time", longAgo]);
	}

	[Symbol.dispose](): void {
		Bun.spawnSync(["gpgconf", "--homedir", this.home, "--kill", "all"], { stdout: "ignore", stderr: "ignore" });
		rmSync(this.home, { recursive: true, force: true });
	}
}
