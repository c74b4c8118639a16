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

/** What a name's link says: relative, so that the root folder can move, and so that a person can follow it. */
export function linkTarget(id: string): string {
	return `../containers/${id}`;
}

/** The id a name's link speaks of. */
export function idOfLink(target: string): string {
	return target.slice(target.lastIndexOf("/") + 1);
}

/** Names of folders that are being made or being removed; unlocked ones are rubbish. */
export const unfinishedPrefix = ".new-";

/** Whether a name in the containers folder is a container's. */
export function isId(text: string): boolean {
	return /^[0-9a-f]{64}$/.test(text);
}
