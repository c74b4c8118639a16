// `corten run -d` and `start` on a machine that systemd has booted: each container is a transient unit of its own, and every command knows
// of it (docs/decisions/0019).

import { afterAll, afterEach, beforeAll, describe, expect } from "bun:test";
import { writeFileSync } from "node:fs";
import { testWhen } from "../support/skip.ts";
import { installMachined, noMachined } from "./machined.ts";
import { bootLimitMs, bootUnits, noGuest, type Units } from "./units.ts";

const inGuest = testWhen(noGuest === undefined, noGuest ?? "");
let units: Units;

beforeAll(async () => {
	if (noGuest === undefined) units = await bootUnits();
}, bootLimitMs);
afterAll(() => units?.[Symbol.asyncDispose]());
afterEach(async () => {
	if (noGuest !== undefined) return;
	// Whatever a test has made goes, and nothing of it is left: no container, no name, no unit, no cgroup.
	const left = await units.sh(`ids=$(corten ps -aq); [ -z "$ids" ] || corten rm -f $ids >/dev/null
		until_ '[ -z "$(systemctl list-units --all --no-legend "corten-*.service" "corten-*.timer")" ]'
		ls /var/lib/corten/containers /var/lib/corten/names /var/lib/corten/units | grep -v : || true
		find /sys/fs/cgroup -name "corten-*" || true`);
	expect(left).toBe("");
});

const lines = async (script: string) => (await units.sh(script)).split("\n");
/** Writes a service, as a person would. */
async function write(name: string, words: readonly string[]): Promise<void> {
	writeFileSync(`${units.guest.share}/${name}.service`, `[Service]\n${words.join("\n")}\n`);
	await units.sh(`cp /share/${name}.service /run/systemd/system`);
	await units.guest.reload();
}
const inspect = (name: string, format: string) => `corten inspect -f "${format}" ${name}`;
// In these scripts no ${...} of the shell's: systemd-run would expand it.

describe("run -d makes a unit", () => {
	inGuest("the payload is its main process, alone in it, and nothing of corten stays", async () => {
		const seen = await lines(`id=$(corten run -d --name web busybox sleep 1000); corten inspect -f '{{.Id}}' web | grep -c $id
			show corten-web ActiveState SubState Transient Result
			[ $(pid corten-web) = $(${inspect("web", "{{.State.Pid}}")}) ] && echo same; members corten-web
			until_ '! pgrep -x corten-launch >/dev/null' && pgrep -x corten || echo none
			systemctl status corten-web | grep -c 'web: sleep 1000'
			corten ps --format '{{.Names}} {{.State}} {{.Unit}}'; corten ps | head -1 | grep -o 'NAMES *UNIT'
			${inspect("web", "{{.Unit.Name}} {{.Unit.Own}} {{.HostConfig.LogConfig.Type}}")}
			[ "$(${inspect("web", "{{.Unit.InvocationId}}")})" = "$(show corten-web InvocationID)" ] && echo invocation
			corten exec web echo inside`);
		expect(seen).toEqual([
			...["1", "active", "running", "yes", "success", "same", "sleep", "none", "1"],
			...["web running corten-web.service", "NAMES     UNIT", "corten-web.service true journald", "invocation", "inside"],
		]);
	});

	inGuest("what the options name is read where the caller is: variables, folders, files", async () => {
		const seen = await lines(`mkdir -p /tmp/here/data; cd /tmp/here; rm -f cid pid; echo content >data/file; echo FROM=file >vars
			FOO=bar corten run -d --name env -e FOO --env-file vars -v ./data:/data --cidfile cid --pidfile pid busybox sh -c 'echo $FOO $FROM; cat /data/file; exec sleep 1000' >id
			[ "$(cat id)" = "$(cat cid)" ] && [ "$(cat pid)" = "$(pid corten-env)" ] && echo files
			until_ '[ "$(corten logs env | wc -l)" = 2 ]'; corten logs env
			show corten-env ExecStart | grep -c bar || true`);
		expect(seen).toEqual(["files", "bar file", "content", "0"]);
	});

	inGuest("limits are the unit's", async () => {
		const seen =
			await lines(`corten run -d --name lim -m 64m --cpus 0.5 --pids-limit 50 --stop-signal INT --stop-timeout 7 busybox sleep 1000 >/dev/null
			show corten-lim MemoryLimit CPUQuotaPerSecUSec TasksMax KillSignal TimeoutStopUSec KillMode CollectMode; ${inspect("lim", "{{.HostConfig.Memory}}")}`);
		expect(seen).toEqual(["67108864", "500ms", "50", "2", "7s", "mixed", "inactive-or-failed", "67108864"]);
	});

	inGuest("--unit names it; two of a name are refused, and nothing of the second stays; --unit none makes none", async () => {
		const seen = await lines(`corten run -d --name aa --unit corten-mine busybox sleep 1000 >/dev/null; corten ps --format '{{.Unit}}'
			corten run -d --name bb --unit corten-mine busybox sleep 1000 || echo $?
			corten ps -a --format '{{.Names}}'
			corten run -d --name cc --unit none busybox sleep 1000 >/dev/null; corten ps --format '{{.Names}}={{.Unit}}' | sort | xargs; corten rm -f cc`);
		expect(seen).toEqual(["corten-mine.service", "125", "aa", "aa=corten-mine.service cc=", "cc"]);
	});

	for (const [program, status] of [
		["/no/such", 127],
		["/etc", 126],
	] as const) {
		inGuest(`a program that cannot be run (${program}) is told to the caller, with ${status}`, async () => {
			const seen =
				await lines(`corten run -d --name bad busybox ${program} 2>&1 || echo $?; ${inspect("bad", "{{.State.Status}} {{.State.ExitCode}}")}
				corten run -d --restart=always --name bad2 busybox ${program} 2>&1 || echo $?; systemctl is-active corten-bad2 || true
				corten run -d --rm --name bad3 busybox ${program} 2>&1 || echo $?; corten ps -aq -f name=bad3 | wc -l
				corten run -d --network bridge busybox true 2>&1 || echo $?`);
			expect(seen[0]).toContain(`cannot execute "${program}"`);
			expect(seen.slice(1, 3)).toEqual([`${status}`, `exited ${status}`]);
			expect(seen[3]).toContain(`cannot execute "${program}"`);
			expect(seen.slice(4, 6)).toEqual([`${status}`, "inactive"]);
			expect(seen[6]).toContain(`cannot execute "${program}"`);
			expect(seen.slice(7, 9)).toEqual([`${status}`, "0"]);
			expect(seen.at(-1)).toBe("125");
		});
	}

	inGuest("20 at once, and --rm leaves nothing at their end", async () => {
		const seen =
			await lines(`for i in $(seq 20); do corten run -d --rm --name many-$i busybox sh -c 'trap "exit 0" TERM; while :; do sleep 0.05; done' >/dev/null & done; wait
			corten ps -q | wc -l; systemctl list-units --no-legend 'corten-many-*' | grep -c running
			corten stop $(corten ps -q) | wc -l; corten ps -aq | wc -l; ls /var/lib/corten/containers | wc -l`);
		expect(seen).toEqual(["20", "20", "20", "0", "0"]);
	});

	inGuest("killed at any moment, run -d leaves a container that runs in its unit, one that was never started, or nothing", async () => {
		const seen = await lines(`for i in $(seq 40); do
				corten run -d --name chaos-$i $([ $((i % 2)) = 0 ] && echo --rm || echo --restart=always) busybox sleep 1000 >/dev/null 2>&1 & p=$!
				sleep 0.0$((RANDOM % 7)); kill -9 $p 2>/dev/null || true; corten ps >/dev/null
			done; wait || true
			units() { systemctl list-units --no-legend --plain --state=active 'corten-chaos-*' | cut -d' ' -f1 | sort | xargs; }
			until_ '[ "$(corten ps --format "{{.Unit}}" | sort | xargs)" = "$(units)" ] && [ -z "$(systemctl list-jobs --no-legend)" ]'
			corten ps -a --format '{{.State}}' | sort -u | grep -vx -e running -e created || echo fine`);
		expect(seen).toEqual(["fine"]);
	});
});

describe("its end", () => {
	inGuest("exit status and signal are those of the payload, in ps, inspect and wait", async () => {
		const seen =
			await lines(`corten run -d --name code busybox sh -c 'exit 7' >/dev/null; corten wait code; corten ps -a --format '{{.Status}}' | grep -o '(.*)'
			corten run -d --name sig busybox sleep 1000 >/dev/null; kill -9 $(pid corten-sig); corten wait sig; ${inspect("sig", "{{.State.ExitCode}}")}
			corten run -d --restart=always --name again busybox sh -c 'trap "exit 6" TERM; echo ready; while :; do sleep 0.05; done' >/dev/null; until_ 'corten logs again | grep -q ready'
			corten wait again & w=$!; until_ 'ls -l /proc/$w/fd | grep -q pidfd'; kill $(pid corten-again); wait $w`);
		expect(seen).toEqual(["7", "(7)", "137", "137", "6"]);
	});

	inGuest("stop stops the unit, by the container's signal, and no policy brings it back", async () => {
		const seen =
			await lines(`corten run -d --restart=always --name web busybox sh -c 'trap "exit 3" TERM; echo ready; while :; do sleep 0.05; done' >/dev/null
			until_ 'corten logs web | grep -q ready'; corten stop web; systemctl is-active corten-web || true; ${inspect("web", "{{.State.Status}} {{.State.ExitCode}}")}
			corten run -d --restart=always --name deaf busybox sleep 1000 >/dev/null; corten stop -t 0 deaf; ${inspect("deaf", "{{.State.Status}} {{.State.ExitCode}}")}
			corten run -d --name other busybox sh -c 'trap "exit 5" USR1; echo ready; while :; do sleep 0.05; done' >/dev/null
			until_ 'corten logs other | grep -q ready'; corten stop -s USR1 other; ${inspect("other", "{{.State.ExitCode}}")}`);
		expect(seen).toEqual(["web", "inactive", "exited 3", "deaf", "exited 137", "other", "5"]);
	});

	inGuest("kill and rm -f end it for good, also one that waits for its restart", async () => {
		const seen =
			await lines(`corten run -d --restart=always --name kk busybox sleep 1000 >/dev/null; corten kill kk; systemctl is-active corten-kk || true; ${inspect("kk", "{{.State.Status}}")}
			corten run -d --restart=always --name loop busybox false >/dev/null; corten rm -f loop; systemctl is-active corten-loop || true; corten ps -aq -f name=loop | wc -l`);
		expect(seen).toEqual(["kk", "inactive", "exited", "loop", "inactive", "0"]);
	});
});

describe("--restart", () => {
	inGuest("always: a killed payload comes back as the same container with its files", async () => {
		const seen =
			await lines(`id=$(corten run -d --name pol --restart=always busybox sh -c 'echo x >>/count; exec sleep 1000'); old=$(pid corten-pol); until_ 'corten exec pol test -s /count'
			kill -9 $old; until_ 'new=$(${inspect("pol", "{{.State.Pid}}")}); [ $new != 0 ] && [ $new != $old ]'
			[ $id = $(${inspect("pol", "{{.Id}}")}) ] && echo same; ${inspect("pol", "{{.RestartCount}} {{.HostConfig.RestartPolicy.Name}}")}
			until_ '[ "$(corten exec pol cat /count | xargs)" = "x x" ]'; show corten-pol NRestarts; corten ps -q | wc -l`);
		expect(seen).toEqual(["same", "1 always", "1", "1"]);
	});

	inGuest("on-failure:2: twice more and no further; a success is not repeated, an end by SIGTERM is", async () => {
		const seen = await lines(`corten run -d --name fail --restart=on-failure:2 busybox sh -c 'echo run; exit 7' >/dev/null
			until_ '[ "$(systemctl is-active corten-fail)" = inactive ]'; ${inspect("fail", "{{.RestartCount}} {{.State.ExitCode}}")}; corten logs fail | xargs
			corten run -d --name good --restart=on-failure busybox true >/dev/null; corten wait good; until_ '[ "$(systemctl is-active corten-good)" = inactive ]'; ${inspect("good", "{{.RestartCount}}")}
			corten run -d --pid host --name term --restart=on-failure busybox sleep 1000 >/dev/null; kill $(pid corten-term)
			until_ '[ "$(${inspect("term", "{{.RestartCount}} {{.State.Status}}")})" = "1 running" ]'; echo again`);
		expect(seen).toEqual(["2 7", "run run run", "0", "0", "again"]);
	});

	inGuest("after a boot always begins again, unless-stopped where nobody has stopped it, the others not", async () => {
		const seen =
			await lines(`for policy in no on-failure always unless-stopped; do corten run -d --stop-timeout 1 --name $policy --restart=$policy busybox sleep 1000 >/dev/null; done
			corten run -d --name stopped --restart=unless-stopped busybox sleep 1000 >/dev/null
			corten run -d --name ended --restart=always busybox sleep 1000 >/dev/null
			corten stop -t 0 stopped ended >/dev/null
			systemctl stop 'corten-*.service' # as a shutdown does
			# as a power cut does: no exit, and a pid that is a stranger's by now
			dir=/var/lib/corten/containers/$(corten inspect -f '{{.Id}}' ended); rm $dir/exit
			echo "1 $(awk '{print $22}' /proc/1/stat) 1 0" >$dir/pid
			corten start --at-boot | wc -l; corten ps --format '{{.Names}}' | sort | xargs; [ $(pid corten-ended) != 1 ] && echo new`);
		expect(seen).toEqual(["3", "always ended unless-stopped", "new"]);
	});
});

describe("start, restart and create", () => {
	inGuest("the same container in a new unit", async () => {
		const seen =
			await lines(`id=$(corten create --name web --restart=always busybox sh -c 'echo x >>/count; exec sleep 1000'); corten ps -a --format '{{.State}}={{.Unit}}'
			corten start web; until_ 'corten exec web test -s /count'; corten stop -t 0 web; corten start web; corten start web; [ $(${inspect("web", "{{.Id}}")}) = $id ] && echo same
			until_ '[ "$(corten exec web cat /count | xargs)" = "x x" ]'; old=$(pid corten-web); corten restart -t 0 web; [ $(pid corten-web) != $old ] && echo new
			show corten-web ActiveState; ${inspect("web", "{{.RestartCount}}")}`);
		expect(seen).toEqual(["created=", "web", "web", "web", "web", "same", "web", "new", "active", "0"]);
	});

	inGuest("ExecStart=corten start in a unit that a person has written", async () => {
		await write("hand", ["Type=notify", "ExecStart=/usr/bin/corten start hand", "ExecStopPost=/usr/bin/corten unit-event ended hand"]);
		const seen =
			await lines(`corten create --name hand --unit none busybox sh -c 'trap "exit 0" TERM; echo hello; while :; do sleep 0.05; done' >/dev/null
			systemctl start hand
			members hand | sort -u | head -1; corten ps --format '{{.Names}} {{.Unit}}'; ${inspect("hand", "{{.Unit.Own}}")}
			until_ 'corten logs hand | grep -q hello'; corten logs hand; systemctl stop hand; ${inspect("hand", "{{.State.Status}} {{.State.ExitCode}}")}`);
		expect(seen.slice(1)).toEqual(["hand hand.service", "false", "hello", "exited 0"]);
	});
});

describe("the unit of a person's `corten run`", () => {
	inGuest("stop stops that unit; the status is the manager's word", async () => {
		const run = `ExecStart=/usr/bin/corten run --name mine --replace busybox sh -c 'trap "exit 4" TERM; echo hello; while :; do sleep 0.05; done'`;
		await write("mine", ["Type=notify", "Restart=always", run]);
		const seen = await lines(`systemctl start mine; until_ 'corten logs mine | grep -q hello'; corten ps --format '{{.Names}} {{.Unit}}'
			corten stop mine; systemctl is-active mine || true; ${inspect("mine", "{{.State.Status}} {{.State.ExitCode}}")}
			systemctl start mine; old=$(pid mine); corten kill mine; until_ '[ "$(pid mine)" != 0 ] && [ "$(pid mine)" != $old ] && [ "$(systemctl is-active mine)" = active ]'; echo restarted
			old=$(pid mine); corten restart mine; [ "$(pid mine)" != $old ] && echo again
			corten rm -f mine; systemctl is-active --quiet mine || echo down; systemctl reset-failed mine 2>/dev/null || true`);
		expect(seen).toEqual(["mine mine.service", "mine", "failed", "exited 4", "mine", "restarted", "mine", "again", "mine", "down"]);
	});
});

describe("logs are the journal's", () => {
	inGuest("with times, a tail, a beginning, and over restarts", async () => {
		const seen = await lines(`corten run -d --name talk --restart=on-failure:1 busybox sh -c 'echo out; echo err >&2; exit 1' >/dev/null
			until_ '[ "$(corten logs talk | wc -l)" = 4 ]'; corten logs talk | sort | xargs; corten logs -n 1 talk | wc -l; corten logs --until 1h talk | wc -l
			corten logs -t talk | grep -cE '^20[0-9-]{8}T[0-9:.]+Z (out|err)$'
			journalctl -q --no-pager -o cat -u corten-talk CONTAINER_NAME=talk | wc -l`);
		expect(seen).toEqual(["err err out out", "1", "0", "4", "4"]);
	});

	inGuest("-f follows to the end", async () => {
		const seen = await lines(
			`corten run -d --name slow busybox sh -c 'for i in 1 2 3 4 5; do echo line $i; sleep 0.1; done' >/dev/null; corten logs -f slow | xargs; corten logs slow | xargs`,
		);
		expect(seen).toEqual(Array(2).fill("line 1 line 2 line 3 line 4 line 5"));
	});
});

describe("whatever is reloaded", () => {
	inGuest("daemon-reload and daemon-reexec leave the container, its unit and its policy", async () => {
		await units.sh("corten run -d --name surv --restart=always busybox sleep 1000; pid corten-surv >/run/old");
		await units.guest.reload();
		await units.guest.reload("daemon-reexec");
		const seen =
			await lines(`old=$(cat /run/old); [ $(pid corten-surv) = $old ] && [ $(${inspect("surv", "{{.State.Pid}}")}) = $old ] && echo same
			kill -9 $old; until_ '[ "$(${inspect("surv", "{{.RestartCount}} {{.State.Status}}")})" = "1 running" ]'; corten stop -t 0 surv`);
		expect(seen).toEqual(["same", "surv"]);
	});
});

testWhen(noGuest === undefined && noMachined === undefined, noGuest ?? `not installed: /${noMachined}`)(
	"--register: machinectl list shows it while it runs, also after a restart; without machined the start fails",
	async () => {
		const without = await lines(
			"corten run -d --stop-timeout 1 --name lonely --register busybox sleep 1000 2>&1 || echo $?; corten ps -q | wc -l",
		);
		expect(without[0]).toContain('cannot register machine "lonely"');
		expect(without.slice(1)).toEqual(["125", "0"]);
		await installMachined(units);
		const list = "machinectl list --no-legend --no-pager | awk '{print $1, $2, $3}'";
		const seen = await lines(`corten run -d --name my_web --register --restart=always busybox sleep 1000 >/dev/null; ${list}
			kill -9 $(pid corten-my_web); until_ '[ "$(${inspect("my_web", "{{.RestartCount}} {{.State.Status}}")})" = "1 running" ]'
			until_ '[ "$(machinectl show my-web -p Leader --value)" = "$(pid corten-my_web)" ]'; ${list}
			corten stop -t 0 my_web; ${list}; machinectl list --no-pager | tail -1; systemctl stop systemd-machined`);
		expect(seen).toEqual(["my-web container corten", "my-web container corten", "my_web", "No machines."]);
	},
);

inGuest("--sdnotify=container: run -d returns when the payload says it is ready", async () => {
	const seen = await lines(
		`corten run -d --name ntf --sdnotify=container -v /share/payload:/payload:ro busybox /payload send:READY=1 hang >/dev/null; show corten-ntf ActiveState Type NotifyAccess`,
	);
	expect(seen).toEqual(["active", "notify", "all"]);
});

inGuest("a user's container is in a unit of the user's manager, with all that goes with it", async () => {
	const asWeb = "setpriv --reuid web --regid web --init-groups env HOME=/share/web XDG_RUNTIME_DIR=/run/user/1000";
	const corten = `${asWeb} corten`;
	const show = "systemctl -M web@ --user show --value";
	await units.sh(`mkdir /share/web; chown web:web /share/web; chmod 755 /share; usermod -d /share/web web
		systemctl start user@1000.service; ${corten} pull -q docker-archive:/share/docker.tar`);
	const seen =
		await lines(`${corten} run -d --rm --name tidy busybox sh -c 'touch /theirs; chown 33:33 /theirs; echo ready; exec sleep 1000' >/dev/null
		until_ '${corten} logs tidy | grep -q ready'; ${corten} stop -t 0 tidy; ls /share/web/.local/share/corten/containers | wc -l
		${corten} run -d --name pol --restart=always busybox sleep 1000 >/dev/null; kill -9 $(${show} corten-pol -p MainPID)
		until_ '[ "$(${corten} inspect -f "{{.RestartCount}} {{.State.Status}}" pol)" = "1 running" ]'; ${corten} ps --format '{{.Unit}}'
		${corten} run -d --name bad busybox /no/such 2>&1 || echo $?
		${corten} rm -f pol bad; systemctl -M web@ --user list-units --all --no-legend 'corten-*.service' 'corten-*.timer'; ls /share/web/.local/share/corten/containers | wc -l
		systemctl stop user@1000.service`);
	expect(seen.slice(0, 3)).toEqual(["tidy", "0", "corten-pol.service"]);
	expect(seen[3]).toContain('cannot execute "/no/such"');
	expect(seen.slice(4)).toEqual(["127", "pol", "bad", "0"]);
});
