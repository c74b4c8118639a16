// The rootfs recipe: how launch assembles a container's root inside the container's own mount namespace. The bundle stage writes
// it beside config.json, the plan stage turns it into ops. It is corten's own document; no specification governs it.

/** One read-only layer on this machine. */
export type LayerSource =
	/** An EROFS image file, mounted file-backed or through a loop device. */
	| { readonly kind: "erofs"; readonly path: string }
	/** An unpacked folder whose whiteouts are overlayfs whiteouts. */
	| { readonly kind: "folder"; readonly path: string };

/** How the root filesystem comes about. All paths are absolute paths of the host. */
export type RootfsRecipe =
	/** overlayfs of image layers (lowest first), with a writable layer in the container's folder; no upper when the root is read-only. */
	| {
			readonly kind: "layers";
			readonly layers: readonly LayerSource[];
			readonly upper?: { readonly upperDir: string; readonly workDir: string };
	  }
	/** A folder that is the root itself (`--rootfs`, or a bundle's root.path). */
	| { readonly kind: "folder"; readonly path: string };
