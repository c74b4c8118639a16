// Tables by words that others wrote: a document may also say "__proto__" or "constructor", which every object has.

/** The table's own entry. */
export function lookUp<T>(table: Readonly<Record<string, T>>, word: string): T | undefined {
	return Object.hasOwn(table, word) ? table[word] : undefined;
}
