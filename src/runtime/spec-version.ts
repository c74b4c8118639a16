// The specification this runtime implements.

/** `ociVersion` of what the runtime writes: state, features, spec. @see runtime-spec specs-go/version.go */
export const runtimeSpecVersion = "1.3.0";
