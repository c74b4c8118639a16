// The executable starts with a JIT that hardly ever compiles (Makefile, --compile-jit-policy): a start is over before compiled code would
// pay, and the compiler threads cost it 2 ms. Long work asks for the usual policy.

/** Lets JavaScriptCore compile hot code as usual from now on: for pulls and imports, which inflate, hash and parse for seconds. */
export function useJit(): void {
	Bun.unsafe.setJITPolicy(1);
}
