// Words of registries, images and keys on a terminal.

/** The text as it is if it is plain and short, else as a JSON string: whoever wrote it must not move the cursor. */
export function printable(text: string): string {
	return /^[!-~]{0,255}$/.test(text) ? text : JSON.stringify(text.slice(0, 255));
}
