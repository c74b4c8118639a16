// What launch.c and supervise.c share: the plan in memory and the one process record.
#ifndef CORTEN_LAUNCH_H
#define CORTEN_LAUNCH_H

#include "ops.h"
#include "sys.h"

// The encoding of a plan; see plan/encode.ts.
struct plan_header {
	char magic[8];
	uint32_t version, op_count, ops_offset, data_offset, total_size, flags, lock_fd, log_fd, failure_status, reserved[5];
};
struct plan_op {
	uint16_t op, flags;
	uint32_t what, at, reserved;
	uint64_t args[6];
};
enum { PLAN_JSON_LOG = 1, PLAN_TIMES = 2, PLAN_LOG_TEXT = 4, PLAN_END_AS_PAYLOAD = 8 };
#define NO_FD 0xffffffffu
#define NOT_IN_PROC 0x10000ull // a bit of openat2's create
#define SECCOMP_NEW_LISTENER (1 << 3)

// What the new process and its parent tell each other.
enum { SAY_READY = 1, SAY_ERROR, SAY_TERMINAL, SAY_GO, SAY_PID, SAY_LISTENER };
struct message { uint32_t kind, op, error; };

// One record for the whole program; it is one process with one job.
struct state {
	const struct plan_header *plan;
	const struct plan_op *ops;
	const char *data;
	uint32_t data_size;
	uint32_t clone_index; // the plan's only clone3, or op_count
	int slots[SLOT_COUNT];
	int in_child;
	int passing;      // in_child, and it ends at clone3, see userns.c
	uint32_t heard;   // what came with the last awaited message
	int gated;        // in_child, and the channel leads to whoever started the container: it wants words
	int child, child_pidfd;
	int channel;      // to the other side of clone3
	int terminal;     // master end, received from the child
	int detach_pipe;  // to the first process of a detached start
	int failed;       // a step failed: only what cleans up is still done
	int status;       // what this program exits with
	int end_code, end_signal;
	int ended;
	int handed_over;  // the new process is the caller's child: this one does not wait for it
	int by_path;      // started with a plan's path: argv and environment of what follows a probe
	const char **command, **environment;
	int captured, outputs[2]; // a probe's output, and the descriptors 1 and 2 that it stands in for
	int absent;       // there is no container to probe
	struct timespec_ probe_start;
	const struct plan_op *health; // how this container is probed, or 0
	int probe_pidfd;
	int64_t health_since, next_probe;
};
extern struct state self;

// launch.c
const char *text_at(uint64_t offset);
int slot_fd(uint64_t slot);
long fill(uint64_t slot, long fd);
void exit_with(int status);
void fail(uint32_t index, long error);

// What a result beyond the errnos means: how a program that was run ended.
enum { ENDED_WITH_STATUS = 1000, ENDED_BY_SIGNAL = 2000 };

// report.c
void put_failure(struct text *t, uint32_t index, long error, int plain);
void report(uint32_t index, long error);

// cgroup.c
long write_first_op(const struct plan_op *op);
long inherit_op(const struct plan_op *op);
long introduce_op(int fd);

// adopt.c
long adopt_op(const struct plan_op *op);

// proc.c
uint64_t start_time(uint64_t pid);

// gate.c
long listen_op(const struct plan_op *op);
long gate_op(const struct plan_op *op);
long release_op(void);
long unlock_op(void);
long sendfd_op(const struct plan_op *op);
long make_socket(int type, const char *path, struct sockaddr_un_ *address);
long send_descriptor(const char *path, int fd, struct iovec *parts, size_t count);

// sdnotify.c
long connect_op(const struct plan_op *op);
long send_op(const struct plan_op *op);

long send_message(int socket, const char *part, uint64_t count, int barrier);

// health.c
long open_plan(const char **argv, const char **envp);
long capture_op(void);
long pidfile_open_op(const struct plan_op *op);
long probe_op(const struct plan_op *op);
long health_op(const struct plan_op *op);
int health_fd(void);
int health_wait_ms(void);
void health_turn(int ended);

// bpf.c
long bpf_op(const struct plan_op *op);

// notify.c
long say_listener(long listener);
long notify_op(const struct plan_op *op);

// hook.c
long hook_op(const struct plan_op *op);

// path.c
long open_in_root(int dir, const char *path, uint64_t flags, uint64_t resolve);
long create_in_root(int root, const char *path, int as_folder);
long openat2_op(const struct plan_op *op);

// mount.c
long write_op(int dir, const char *path, const char *data, size_t length, uint64_t flags);
long write_by_rename(int dir, const char *path, const char *data, size_t length);
long move_onto(long tree, int target);
long fsmount_op(const struct plan_op *op);
long loop_op(const struct plan_op *op);
long mask_op(const struct plan_op *op);
long readonly_op(const struct plan_op *op);
long pivot_root_op(int root);
long mount_at_op(const struct plan_op *op);
void put_fd_path(struct text *t, int fd);

// device.c
long mknodat_op(const struct plan_op *op);

// copyup.c
long copyup(int from, int to);

// mount-idmap.c
long userns_op(const struct plan_op *op);
long mount_idmap_op(const struct plan_op *op);

// attributes.c
long writepid_op(const struct plan_op *op);

// netdevice.c
long netdevice_op(const struct plan_op *op);

// process.c
long ending_signals(void);
long hear(uint32_t wanted);
void tell_detached(int status);
long pidfd_open_op(const struct plan_op *op);
long clone3_op(const struct plan_op *op);
long detach_op(void);
long openpty_op(const struct plan_op *op);
long sync_op(int tied);
long access_op(const struct plan_op *op);
long resume_op(void);
long point(const char **vector, uint64_t room, uint64_t list);
void standard_signals(void);
long go_op(void);
long pidfile_op(const struct plan_op *op);
long chdir_op(const struct plan_op *op);
long capset_op(const struct plan_op *op);
long capbset_op(uint64_t keep);
long seccomp_op(const struct plan_op *op);
long ifup_op(const char *name);
long execve_op(const struct plan_op *op);

// userns.c
long fork_op(const struct plan_op *op);
long clone3_sibling(const struct plan_op *op);
long idmap_op(const struct plan_op *op);
long newidmap_op(const struct plan_op *op);
long setns_op(const struct plan_op *op);
long setns_once_op(const struct plan_op *op);
long fchown_op(uint64_t uid, int everything);

// enter-userns.c
long enter_userns_op(const struct plan_op *op);

// supervise.c
long supervise(const struct plan_op *op);
long write_exit_file(int dir, const char *path);
void reap_child(void);
void end_as_payload(void);

// remove.c
long remove_cgroup(int dir, const char *path);
long remove_tree(int dir, const char *path);

#endif
