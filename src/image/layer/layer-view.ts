// One layer as a reader sees it: what the two forms on disk have in common. The merge of layers (layer-read.ts) works on this alone.

/** One entry of a layer. Descriptors an entry holds belong to its view and are closed with it. */
export type LayerNode =
	| { readonly kind: "directory"; readonly opaque: boolean; lookup(name: string): LayerNode | undefined }
	| { readonly kind: "file"; readonly size: number; read(): Uint8Array }
	| { readonly kind: "symlink"; readonly target: string }
	| { readonly kind: "whiteout" }
	| { readonly kind: "other" };

/** An open layer. Names and targets are byte strings. */
export type LayerView = Disposable & { readonly root: LayerNode };
