// Where the things of a container are below the root folder. @see ARCHITECTURE.md "On disk"

/** The folder all container folders are in. */
export function containersFolder(root: string): string {
	return `${root}/containers`;
}

/** The folder of one container. */
export function containerFolder(root: string, id: string): string {
	return `${root}/containers/${id}`;
}

/** The folder of names; its flock is held while a stale name changes hands. */
export function namesFolder(root: string): string {
	return `${root}/names`;
}

/** The link that reserves a name. */
export function nameLink(root: string, name: string): string {
	return `${root}/names/${name}`;
}

/** The link that says which container a unit's last start has made. A user's manager has units of the same names. */
export function unitLink(root: string, unit: { readonly name: string; readonly user: boolean }): string {
	return `${unitsFolder(root)}/${unit.user ? "user-" : ""}${unit.name}`;
}

/** The folder of those links. */
export function unitsFolder(root: string): string {
	return `${root}/units`;
}

/**
 * What a name's link says: the id in base64url. 43 letters fit into an inode; the 64 of hexadecimal would need a block on the disk, and
 * making and removing it cost a start 0.1 ms.
 */
export function linkTarget(id: string): string {
	return Uint8Array.fromHex(id).toBase64({ alphabet: "base64url", omitPadding: true });
}

/** The id a name's link speaks of; "-", which no container has, for a link that is none of ours. */
export function idOfLink(target: string): string {
	try {
		return Uint8Array.fromBase64(target, { alphabet: "base64url" }).toHex();
	} catch {
		return "-";
	}
}

/** Names of folders that are being removed; unlocked ones are rubbish. */
export const unfinishedPrefix = ".new-";

/** Whether a name in the containers folder is a container's. */
export function isId(text: string): boolean {
	return /^[0-9a-f]{64}$/.test(text);
}
