// Names: which service a file becomes, and what a reference to another file means.

/** The kinds of files, and what their services' names end in. */
export const kinds = {
	container: "",
	kube: "",
	pod: "-pod",
	volume: "-volume",
	network: "-network",
	image: "-image",
	build: "-build",
	artifact: "-artifact",
	secret: "-secret",
} as const;
/** One of {@link kinds}. */
export type Kind = keyof typeof kinds;

/** The section of a kind: `Container`. */
export function sectionOf(kind: Kind): string {
	return `${kind[0]?.toUpperCase()}${kind.slice(1)}`;
}

/** `web@.container` -> its parts; undefined for another kind of file. */
export function splitName(name: string): { readonly stem: string; readonly kind: Kind } | undefined {
	const [, stem = "", kind = ""] = /^([A-Za-z0-9:_.@\\-]+)\.([a-z]+)$/.exec(name) ?? [];
	return stem !== "" && kind in kinds ? { stem, kind: kind as Kind } : undefined;
}

/** The service of a file: `web.service`, `data-volume.service`; of a template the @ stays last. @param given ServiceName= */
export function serviceName(stem: string, kind: Kind, given?: string): string {
	if (given !== undefined) return `${given}.service`;
	const template = /^(.*)@(.*)$/.exec(stem);
	return template === null ? `${stem}${kinds[kind]}.service` : `${template[1]}${kinds[kind]}@${template[2]}.service`;
}

/** Keys of [Unit] whose values may name files. @see podman-systemd.unit(5) "Dependency translation" */
export const dependencyKeys = new Set(
	"After Before BindsTo Conflicts OnFailure OnSuccess PartOf PropagatesReloadTo PropagatesStopTo ReloadPropagatedFrom Requires Requisite StopPropagatedFrom Upholds Wants".split(
		" ",
	),
);
