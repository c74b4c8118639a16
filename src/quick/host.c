// The program `corten`: QuickJS and the bytecode of src/, in one static executable (docs/decisions/0015). This file is what ECMAScript does not
// have: system calls, text and bytes, the process's own data, and the way over to corten-bun. Policy lives in TypeScript.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <quickjs.h>

#define QUOTED(x) #x
#define TEXT_OF(x) QUOTED(x)

// What build-quick.ts packs: a module's name and its bytecode.
struct chunk { const char *name; const uint8_t *code; uint64_t size; };
extern const struct chunk chunks[];

extern char **environ;
static char **arguments;
static char program[4096];
static struct timespec begin;

// ---- arguments

static int64_t bytes_of(JSContext *js, JSValueConst view, size_t *length)
{
	size_t offset = 0, whole = 0;
	*length = 0;
	JSValue buffer = JS_GetTypedArrayBuffer(js, view, &offset, length, 0);
	if (JS_IsException(buffer))
		return -1;
	uint8_t *memory = JS_GetArrayBuffer(js, &whole, buffer);
	JS_FreeValue(js, buffer);
	return (int64_t)(memory + offset);
}

// A number, a BigInt, memory, or nothing. @returns 0 when it is none of them; then an exception is pending
static int argument(JSContext *js, JSValueConst value, int64_t *result)
{
	double number;
	size_t length;
	*result = 0;
	switch (JS_VALUE_GET_NORM_TAG(value)) {
	case JS_TAG_INT:
		*result = JS_VALUE_GET_INT(value);
		return 1;
	case JS_TAG_NULL:
	case JS_TAG_UNDEFINED:
		return 1;
	case JS_TAG_FLOAT64:
		JS_ToFloat64(js, &number, value);
		*result = number >= 9223372036854775808.0 ? (int64_t)(uint64_t)number : (int64_t)number;
		return 1;
	case JS_TAG_OBJECT:
		*result = bytes_of(js, value, &length);
		if (*result != -1 && length == 0)
			*result = 0;
		return *result != -1;
	default:
		return JS_ToBigInt64(js, result, value) == 0;
	}
}

// ---- what TypeScript calls `host`

static JSValue system_call(JSContext *js, JSValueConst this, int count, JSValueConst *values)
{
	int64_t a[7] = { 0 };
	for (int i = 0; i < count && i < 7; i++)
		if (!argument(js, values[i], &a[i]))
			return JS_EXCEPTION;
	long result = syscall(a[0], a[1], a[2], a[3], a[4], a[5], a[6]);
	return JS_NewInt64(js, result == -1 ? -errno : result);
}

static JSValue address_of(JSContext *js, JSValueConst this, int count, JSValueConst *values)
{
	int64_t address;
	return argument(js, values[0], &address) ? JS_NewInt64(js, address) : JS_EXCEPTION;
}

static JSValue new_bytes(JSContext *js, const uint8_t *data, size_t length)
{
	JSValue arguments[3] = { JS_NewArrayBufferCopy(js, data, length), JS_UNDEFINED, JS_UNDEFINED };
	JSValue array = JS_NewTypedArray(js, 3, arguments, JS_TYPED_ARRAY_UINT8);
	JS_FreeValue(js, arguments[0]);
	return array;
}

// UTF-8; half a surrogate pair, which QuickJS writes as three bytes from 0xeda080, becomes U+FFFD, which has as many.
static JSValue encode(JSContext *js, JSValueConst this, int count, JSValueConst *values)
{
	size_t length;
	const char *text = JS_ToCStringLen(js, &length, values[0]);
	if (!text)
		return JS_EXCEPTION;
	JSValue array = new_bytes(js, (const uint8_t *)text, length);
	JS_FreeCString(js, text);
	uint8_t *at = (uint8_t *)bytes_of(js, array, &length), *end = at + length;
	while (length && (at = memchr(at, 0xed, end - at))) {
		if (at + 2 < end && at[1] >= 0xa0)
			memcpy(at, "\xef\xbf\xbd", 3);
		at++;
	}
	return array;
}

// The length of the UTF-8 character at `at`, or minus the length of what WHATWG's decoder replaces by one U+FFFD.
static int character(const uint8_t *at, const uint8_t *end)
{
	uint8_t first = *at, low = 0x80, high = 0xbf;
	int more = first < 0x80 ? 0 : first >= 0xc2 && first <= 0xdf ? 1 : first >= 0xe0 && first <= 0xef ? 2 : first >= 0xf0 && first <= 0xf4 ? 3 : -1;
	if (more <= 0)
		return more < 0 ? -1 : 1;
	if (first == 0xe0)
		low = 0xa0;
	else if (first == 0xed)
		high = 0x9f;
	else if (first == 0xf0)
		low = 0x90;
	else if (first == 0xf4)
		high = 0x8f;
	for (int i = 1; i <= more; i++) {
		if (at + i >= end || at[i] < low || at[i] > high)
			return -i;
		low = 0x80, high = 0xbf;
	}
	return more + 1;
}

static JSValue repaired(JSContext *js, const uint8_t *at, const uint8_t *end)
{
	uint8_t *text = js_malloc(js, 3 * (end - at)), *to = text;
	if (!text)
		return JS_EXCEPTION;
	while (at < end) {
		int length = character(at, end);
		memcpy(to, length > 0 ? at : (const uint8_t *)"\xef\xbf\xbd", length > 0 ? length : 3);
		to += length > 0 ? length : 3;
		at += length > 0 ? length : -length;
	}
	JSValue result = JS_NewStringLen(js, (const char *)text, to - text);
	js_free(js, text);
	return result;
}

static JSValue decode(JSContext *js, JSValueConst this, int count, JSValueConst *values)
{
	size_t length;
	int64_t memory = bytes_of(js, values[0], &length);
	if (memory == -1)
		return JS_EXCEPTION;
	const uint8_t *data = (const uint8_t *)memory, *end = data + length;
	if (!JS_ToBool(js, values[2]) && length >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0)
		data += 3;
	for (const uint8_t *at = data; at < end;) {
		int size = character(at, end);
		if (size < 0)
			return JS_ToBool(js, values[1]) ? JS_ThrowTypeError(js, __FILE__, __LINE__, "invalid UTF-8") : repaired(js, data, end);
		at += size;
	}
	return JS_NewStringLen(js, (const char *)data, end - data);
}

static JSValue now_ms(JSContext *js, JSValueConst this, int count, JSValueConst *values)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return JS_NewFloat64(js, (now.tv_sec - begin.tv_sec) * 1e3 + (now.tv_nsec - begin.tv_nsec) / 1e6);
}

static JSValue current_folder(JSContext *js, JSValueConst this, int count, JSValueConst *values)
{
	char path[4096];
	return getcwd(path, sizeof path) ? JS_NewString(js, path) : JS_ThrowTypeError(js, __FILE__, __LINE__, "cannot find the current folder: %s", strerror(errno));
}

static JSValue leave(JSContext *js, JSValueConst this, int count, JSValueConst *values)
{
	int32_t status = 1;
	JS_ToInt32(js, &status, values[0]);
	_exit(status);
}

static JSValue become(JSContext *js, JSValueConst this, int count, JSValueConst *values)
{
	const char *path = JS_ToCString(js, values[0]);
	char limits[64];
	struct rlimit files;
	getrlimit(RLIMIT_NOFILE, &files); // Bun raises its own before its first line runs; a payload is to have the caller's
	snprintf(limits, sizeof limits, "%llu:%llu", (unsigned long long)files.rlim_cur, (unsigned long long)files.rlim_max);
	setenv("CORTEN_OPEN_FILES", limits, 1);
	/* Its collector lets garbage grow with the machine's memory; a pull is to stay small on a large one, too. */
	setenv("BUN_JSC_forceRAMSize", "134217728", 0);
	signal(SIGPIPE, SIG_DFL);
	execve(path, arguments, environ);
	int error = errno;
	signal(SIGPIPE, SIG_IGN);
	JS_FreeCString(js, path);
	return JS_NewInt32(js, -error);
}

// ---- children

// The array's texts, ended by a null; they and it are leaked: a program is started once or twice in a process's life.
static char **texts_of(JSContext *js, JSValueConst array)
{
	int64_t length = 0;
	JSValue property = JS_GetPropertyStr(js, array, "length");
	JS_ToInt64(js, &length, property);
	char **texts = js_mallocz(js, (length + 1) * sizeof *texts);
	for (int64_t i = 0; texts && i < length; i++)
		texts[i] = (char *)JS_ToCString(js, JS_GetPropertyUint32(js, array, i));
	return texts;
}

static JSValue spawn(JSContext *js, JSValueConst this, int count, JSValueConst *values)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attributes;
	sigset_t defaults;
	int32_t fd, high[8], number = 0;
	int64_t length = 0;
	pid_t pid;

	JSValue property = JS_GetPropertyStr(js, values[3], "length");
	JS_ToInt64(js, &length, property);
	posix_spawn_file_actions_init(&files);
	// Out of the way first, so that no descriptor is overwritten before it is used.
	for (; number < length && number < 8; number++) {
		JS_ToInt32(js, &fd, JS_GetPropertyUint32(js, values[3], number));
		high[number] = fcntl(fd, F_DUPFD_CLOEXEC, 16);
	}
	for (int i = 0; i < number; i++)
		posix_spawn_file_actions_adddup2(&files, high[i], i);
	posix_spawnattr_init(&attributes);
	sigemptyset(&defaults);
	sigaddset(&defaults, SIGPIPE);
	posix_spawnattr_setsigdefault(&attributes, &defaults);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
	char **environment = JS_IsUndefined(values[2]) ? environ : texts_of(js, values[2]);
	int error = posix_spawn(&pid, JS_ToCString(js, values[0]), &files, &attributes, texts_of(js, values[1]), environment);
	for (int i = 0; i < number; i++)
		close(high[i]);
	posix_spawn_file_actions_destroy(&files);
	return JS_NewInt32(js, error ? -error : pid);
}

// ---- modules

static JSValue read_chunk(JSContext *js, const char *name)
{
	for (const struct chunk *chunk = chunks; chunk->name; chunk++)
		if (strcmp(chunk->name, name) == 0)
			return JS_ReadObject(js, chunk->code, chunk->size, JS_READ_OBJ_BYTECODE | JS_READ_OBJ_ROM_DATA);
	return JS_ThrowReferenceError(js, __FILE__, __LINE__, "no module \"%s\"", name);
}

static JSModuleDef *load(JSContext *js, const char *name, void *opaque)
{
	JSValue code = read_chunk(js, name);
	if (JS_IsException(code))
		return 0;
	JSModuleDef *module = JS_VALUE_GET_PTR(code);
	JS_FreeValue(js, code);
	return module;
}

// ---- the process

static JSValue text_array(JSContext *js, char **texts)
{
	JSValue array = JS_NewArray(js);
	for (uint32_t i = 0; texts[i]; i++) {
		size_t length = strlen(texts[i]);
		const uint8_t *at = (const uint8_t *)texts[i], *end = at + length;
		JS_SetPropertyUint32(js, array, i, repaired(js, at, end));
	}
	return array;
}

static void add_host(JSContext *js)
{
	static const struct { const char *name; JSCFunction *function; int length; } functions[] = {
		{ "systemCall", system_call, 7 }, { "addressOf", address_of, 1 }, { "encode", encode, 1 }, { "decode", decode, 3 }, { "nowMs", now_ms, 0 },
		{ "cwd", current_folder, 0 }, { "exit", leave, 1 }, { "become", become, 1 }, { "spawn", spawn, 4 },
	};
	JSValue global = JS_GetGlobalObject(js), host = JS_NewObject(js), ids = JS_NewArray(js);
	for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
		JS_SetPropertyStr(js, host, functions[i].name, JS_NewCFunction(js, functions[i].function, functions[i].name, functions[i].length));
	const uint32_t numbers[] = { getpid(), getuid(), geteuid(), getgid(), getegid() };
	for (uint32_t i = 0; i < 5; i++)
		JS_SetPropertyUint32(js, ids, i, JS_NewInt64(js, numbers[i]));
	JS_SetPropertyStr(js, host, "ids", ids);
	JS_SetPropertyStr(js, host, "argv", text_array(js, arguments));
	JS_SetPropertyStr(js, host, "env", text_array(js, environ));
	JS_SetPropertyStr(js, host, "program", JS_NewString(js, program));
	JS_SetPropertyStr(js, host, "engine", JS_NewString(js, "quickjs " TEXT_OF(QUICKJS)));
	JS_SetPropertyStr(js, global, "host", host);
	JS_FreeValue(js, global);
}

__attribute__((noreturn)) static void fail(JSContext *js, JSValue error)
{
	const char *text = JS_ToCString(js, error), *stack = JS_ToCString(js, JS_GetPropertyStr(js, error, "stack"));
	fprintf(stderr, "corten: %s\n%s", text ? text : "cannot go on", stack ? stack : "");
	_exit(1);
}

// Only what the programs use. Without `eval` there is no compiler in reach of anything that comes from outside.
static JSContext *new_context(JSRuntime *runtime)
{
	JSContext *js = JS_NewContextRaw(runtime);
	if (!js)
		_exit(1);
	JS_AddIntrinsicBaseObjects(js);
	JS_AddIntrinsicDate(js);
	JS_AddIntrinsicRegExpCompiler(js);
	JS_AddIntrinsicRegExp(js);
	JS_AddIntrinsicJSON(js);
	JS_AddIntrinsicMapSet(js);
	JS_AddIntrinsicTypedArrays(js);
	JS_AddIntrinsicPromise(js);
	return js;
}

// A closed standard descriptor would be the number of the next file that is opened.
static void open_standard_descriptors(void)
{
	for (int fd = 0; fd < 3; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd ? O_WRONLY : O_RDONLY) != fd)
			_exit(1);
}

int main(int count, char **words)
{
	clock_gettime(CLOCK_MONOTONIC, &begin);
	arguments = words;
	open_standard_descriptors();
	signal(SIGPIPE, SIG_IGN); // a write says so
	if (count < 1 || readlink("/proc/self/exe", program, sizeof program - 1) < 0)
		_exit(1);
	JSRuntime *runtime = JS_NewRuntime();
	JS_SetGCThreshold(runtime, 64 << 20); // cycles are rare and commands are short
	JSContext *js = new_context(runtime);
	JS_SetModuleLoaderFunc(runtime, load);
	add_host(js);
	JSValue module = read_chunk(js, "main.js");
	if (JS_IsException(module) || JS_ResolveModule(js, module) < 0)
		fail(js, JS_GetException(js));
	JSValue end = JS_EvalFunctionAsync(js, module);
	if (JS_IsException(end))
		fail(js, JS_GetException(js));
	JSContext *of;
	while (JS_ExecutePendingJob(runtime, &of) > 0)
		;
	// The program ends by exit: whoever comes here has failed before it could say so, or waits for nothing.
	if (JS_PromiseState(js, end) == JS_PROMISE_REJECTED)
		fail(js, JS_PromiseResult(js, end));
	fprintf(stderr, "corten: nothing is left to do, and the command has not ended\n");
	_exit(1);
}
