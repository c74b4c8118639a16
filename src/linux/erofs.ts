// Whether this machine mounts EROFS: asked by beginning to, which also loads the module. @see fsopen(2)

import { cString, syscall } from "./libc.ts";
import { nr } from "./syscalls.ts";

/** EROFS images mount here. false: the kernel lacks it, or the caller may not mount; layers are then unpacked into folders. */
export function canMountErofs(): boolean {
	const context = syscall(nr.fsopen, cString("erofs"), 1);
	if (context < 0) return false;
	syscall(nr.close, context);
	return true;
}
