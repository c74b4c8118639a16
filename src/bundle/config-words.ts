// The small decoders that all sections of config.json are made of.

import { fallback, integer, list, object, refine, text, textList } from "../spec/decode.ts";

/** A list of {@link text}, empty when absent. */
export const texts = fallback(textList, []);

/** An absolute path. */
export const absolute = refine(text, (path) => (path.startsWith("/") ? undefined : "is not an absolute path"));

/** An absolute path, or "" for none. */
export const absoluteOrEmpty = refine(text, (path) => (path === "" || path.startsWith("/") ? undefined : "is not an absolute path"));

/** A user or group id; the largest number means "no change" to the kernel. */
export const id = integer(0, 0xffff_fffe);

/** A uint16 of the specification. */
export const uint16 = integer(0, 0xffff);
/** A uint32 of the specification. */
export const uint32 = integer(0, 0xffff_ffff);
/** An int32 of the specification. */
export const int32 = integer(-0x8000_0000, 0x7fff_ffff);

/** @see runtime-spec config-linux.md#user-namespace-mappings */
export const mappings = list(object({ containerID: uint32, hostID: uint32, size: uint32 }));
