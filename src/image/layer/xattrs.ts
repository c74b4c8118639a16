// The extended attributes a layer may carry, checked once when an entry is placed.
// Attack: trusted.overlay.redirect, .metacopy, .whiteout or .opaque in a tar would make overlayfs look elsewhere in the other layers
// (or nest, by overlay.overlay). None of the overlay namespace passes; corten alone writes trusted.overlay.opaque.
// @see xattr(7); Linux Documentation/filesystems/overlayfs.rst "Nesting overlayfs mounts"

import { brokenEntry } from "./bytes.ts";
import type { EntryKind } from "./tar-entry.ts";

/** Full name -> value, both byte strings. */
export type Xattrs = ReadonlyMap<string, string>;

/** The attribute that makes a folder opaque to overlayfs. */
export const opaqueXattr = { name: "trusted.overlay.opaque", userName: "user.overlay.opaque", value: "y" } as const;

const acls = ["system.posix_acl_access", "system.posix_acl_default"];
const maxValueBytes = 65_535;
const maxAllBytes = 65_536; // XATTR_LIST_MAX and what an EROFS inode can count

/**
 * Keeps what a file system of Linux can hold, as untarring would: attributes of other systems and of overlayfs itself fall away.
 * @throws `invalid-spec` for a malformed name or one too large
 */
export function checkXattrs(xattrs: Xattrs, kind: EntryKind, entry: string): Xattrs {
	const kept = new Map<string, string>();
	let bytes = 0;
	// Sorted, so that the same attributes make the same layer whatever their order.
	for (const name of [...xattrs.keys()].sort()) {
		const value = xattrs.get(name) ?? "";
		if (name.startsWith("trusted.overlay.") || name.startsWith("user.overlay.")) continue;
		const known = acls.includes(name) || /^(user|trusted|security)\./.test(name);
		if (!known) continue;
		// The kernel allows user attributes on files and folders only.
		if (name.startsWith("user.") && kind !== "file" && kind !== "directory") continue;
		if (name.includes("\0") || /^[a-z]+\.$/.test(name) || name.length > 255)
			throw brokenEntry(entry, "an extended attribute's name is malformed");
		bytes += name.length + value.length;
		if (value.length > maxValueBytes || bytes > maxAllBytes) throw brokenEntry(entry, "its extended attributes are too large");
		kept.set(name, value);
	}
	return kept;
}
