// Stands for every module that needs Bun: whoever imports it leaves this program for corten-bun, which begins the command anew.

/** The global that host.c makes. */
declare const host: { readonly program: string; readonly become: (path: string) => number };

/**
 * Replaces this program by corten-bun, with the same arguments and environment. It lies beside corten after `make build`, in
 * ../libexec/corten after `make install`.
 * @throws Error when it is not installed
 */
export function becomeBun(): never {
	const folder = host.program.slice(0, host.program.lastIndexOf("/"));
	const candidates = [`${folder}/corten-bun`, `${folder}/../libexec/corten/corten-bun`];
	const errors = candidates.map(host.become);
	throw new Error(
		`cannot run "corten-bun" beside "${host.program}" or in ../libexec/corten: errno ${errors.map((error) => -error).join(", ")}`,
	);
}
