// What one plan's description has that another's has not, for golden files: op numbers and slots left out, as any op moves them.

function opsOf(description: string): string[] {
	const ops: string[] = [];
	for (const line of description.split("\n")) {
		if (/^ +\d+ {2}/.test(line)) ops.push(line.replace(/^ +\d+ {2}/, "").replace(/\bparent=op \d+/, "parent"));
		else if (line.startsWith("      ")) ops.push(`${ops.pop()}\n    ${line.trim()}`);
		else if (line !== "") ops.push(line);
	}
	return ops;
}

/** Lines of `-` what is gone and `+` what came, each op with its reason; the longest common run stays unsaid. */
export function difference(before: string, after: string): string {
	const old = opsOf(before);
	const now = opsOf(after);
	const width = now.length + 1;
	// The table of longest common subsequences.
	const common = new Uint16Array((old.length + 1) * width);
	const key = (op: string | undefined): string => (op ?? "").replaceAll(/#\d+/g, "#");
	for (let i = old.length - 1; i >= 0; i--) {
		for (let j = now.length - 1; j >= 0; j--) {
			const same = key(old[i]) === key(now[j]);
			common[i * width + j] = same
				? (common[(i + 1) * width + j + 1] ?? 0) + 1
				: Math.max(common[(i + 1) * width + j] ?? 0, common[i * width + j + 1] ?? 0);
		}
	}
	const lines: string[] = [];
	let quiet = true;
	const say = (sign: string, op: string | undefined): void => {
		if (quiet && lines.length > 0) lines.push("  ...");
		quiet = false;
		lines.push(`${sign} ${op}`);
	};
	for (let i = 0, j = 0; i < old.length || j < now.length; ) {
		if (i < old.length && j < now.length && key(old[i]) === key(now[j])) {
			quiet = true;
			if (old[i]?.endsWith(":") === true) lines.push(`${old[i]}`);
			i++;
			j++;
		} else if (j >= now.length || (i < old.length && (common[(i + 1) * width + j] ?? 0) >= (common[i * width + j + 1] ?? 0)))
			say("-", old[i++]);
		else say("+", now[j++]);
	}
	return `${lines.join("\n")}\n`;
}
