// Quadlets as services: every key of podman's has a rule, references become dependencies, and what is wrong is said with its line.

import { describe, expect, test } from "bun:test";
import { generate } from "./generate.ts";
import { containerKeys, otherKeys } from "./keys.ts";
import { splitName } from "./names.ts";
import { searchPath } from "./search.ts";
import { parseUnitFile } from "./unit-file.ts";

const surroundings = { corten: "/usr/bin/corten", user: false, exists: (path: string) => path === "/dev/fuse" };

function units(files: Readonly<Record<string, string>>, user = false) {
	const quadlets = Object.entries(files).map(([name, text]) => {
		const found = splitName(name);
		if (found === undefined) throw new Error(name);
		const path = `/q/${name}`;
		return { name, ...found, path, ...parseUnitFile(text, path) };
	});
	return generate(quadlets, { ...surroundings, user });
}

/** The service of one .container with these lines in [Container]. */
function service(lines: string, more = "", name = "web.container"): string {
	return units({ [name]: `[Container]\nImage=busybox\n${lines}\n${more}` })[0]?.units[0]?.text ?? "";
}

const execStart = (text: string): string => /^ExecStart=(.*)$/m.exec(text)?.[1] ?? "";
/** The words between what every container gets and the image. */
const words = (lines: string): string =>
	execStart(service(lines))
		.replace(/^.*--sdnotify conmon ?/, "")
		.replace(/ ?busybox$/, "");

test("podman's keys are all known", () => {
	const keys =
		"AddCapability AddDevice AddHost Annotation AppArmor AutoUpdate CgroupsMode ContainerName ContainersConfModule DNS DNSOption DNSSearch DropCapability Entrypoint Environment EnvironmentFile EnvironmentHost Exec ExposeHostPort GIDMap GlobalArgs Group GroupAdd HealthCmd HealthInterval HealthLogDestination HealthMaxLogCount HealthMaxLogSize HealthOnFailure HealthRetries HealthStartPeriod HealthStartupCmd HealthStartupInterval HealthStartupRetries HealthStartupSuccess HealthStartupTimeout HealthTimeout HostName HttpProxy IP IP6 Image Label LogDriver LogOpt Mask Memory Mount Network NetworkAlias NoNewPrivileges Notify PidsLimit Pod PodmanArgs PublishPort Pull ReadOnly ReadOnlyTmpfs ReloadCmd ReloadSignal Retry RetryDelay Rootfs RunInit SeccompProfile Secret SecurityLabelDisable SecurityLabelFileType SecurityLabelLevel SecurityLabelNested SecurityLabelType ServiceName ShmSize StartWithPod StopSignal StopTimeout SubGIDMap SubUIDMap Sysctl Timezone Tmpfs UIDMap Ulimit Unmask User UserNS Volume WorkingDir RemapUid RemapGid RemapUidSize RemapUsers VolatileTmp";
	expect(Object.keys(containerKeys).sort()).toEqual([...keys.split(" "), "Socket", "IdleStopSec"].sort());
	expect(Object.keys(otherKeys)).toEqual(["Pod", "Kube", "Network", "Volume", "Image", "Build", "Artifact", "Secret", "Quadlet"]);
});

describe("a container", () => {
	test("is the unit, is kept when it stops and replaced when it starts", () => {
		expect(service("Exec=sh -c 'echo $X %i'")).toBe(`# Made by corten-generator from the file that SourcePath= names.
[Unit]
After=network.target
SourcePath=/q/web.container

[Service]
Type=notify
NotifyAccess=main
KillMode=mixed
TimeoutStopSec=10
SyslogIdentifier=%N
ExecStart=/usr/bin/corten run --name systemd-%N --replace --sdnotify conmon busybox sh -c 'echo $X %i'
ExecStopPost=-+/usr/bin/corten unit-event ended systemd-%N

[X-Container]
Image=busybox
Exec=sh -c 'echo $X %i'
`);
	});

	for (const [lines, shows] of [
		["AddCapability=CHOWN KILL\nDropCapability=all", "--cap-add CHOWN --cap-add KILL --cap-drop all"],
		["AddDevice=-/dev/absent\nAddDevice=-/dev/fuse:/dev/f", "--device /dev/fuse:/dev/f"],
		['Environment=A=1 "B=two words"\nEnvironment=C=$3', '--env A=1 --env "B=two words" --env C=$3'],
		["Environment=A=1\nEnvironment=\nEnvironment=B=2", "--env B=2"],
		["User=web", "--user web"],
		["Group=3", "--user 0:3"],
		["ReadOnly=yes\nRunInit=true", "--read-only --init"],
		["ReadOnly=no", ""],
		["NoNewPrivileges=yes\nSeccompProfile=/etc/s.json", "--security-opt seccomp=/etc/s.json --security-opt no-new-privileges"],
		["Volume=/a:/b:ro\nVolume=name:/c", "--volume /a:/b:ro --volume /var/lib/corten/volumes/name:/c"],
		["Network=host\nPublishPort=80:80", "--network host"],
		["PublishPort=80:80", "--publish 80:80"],
		["AutoUpdate=registry", "--label io.containers.autoupdate=registry"],
		["PodmanArgs=--cpus 0.5 --privileged", "--cpus 0.5 --privileged"],
		["HealthCmd=curl -f http://x", '--health-cmd "curl -f http://x"'],
		["Pod=x.pod", "--pod x.pod"],
	] as const) {
		test(lines.replaceAll("\n", ", "), () => expect(words(lines)).toBe(shows));
	}

	test("who says that it is ready", () => {
		expect(execStart(service("Notify=yes"))).toContain("--sdnotify container ");
		expect(execStart(service("Notify=healthy"))).toContain("--sdnotify healthy ");
	});

	test("the unit's user is the payload's", () => {
		expect(execStart(service("", "[Service]\nUser=web"))).toStartWith("!/usr/bin/corten ");
		expect(execStart(service("", "[Service]\nDynamicUser=yes"))).toStartWith("+/usr/bin/corten ");
	});

	test("what [Service] says wins", () => {
		const text = service("StopTimeout=30\nStopSignal=INT", "[Service]\nType=oneshot\nTimeoutStopSec=5");
		expect(text).toContain("Type=oneshot\nTimeoutStopSec=5\n");
		expect(text).not.toContain("Type=notify");
		expect(text).not.toContain("TimeoutStopSec=30");
		expect(text).toContain("KillSignal=INT");
	});

	test("a template's name is one that a container can have", () => {
		expect(execStart(service("", "", "web@.container"))).toContain("--name systemd-%p_%i ");
	});

	test("an image and no root, or a root and no image", () => {
		expect(service("Rootfs=/r")).toContain("ExecStart=/usr/bin/corten unit refuse");
	});
});

describe("remarks", () => {
	test("an unknown key is said with its line, also where systemctl status shows it, and the unit is there", () => {
		const [made] = units({ "web.container": "[Unit]\nDescription=The web\n[Container]\nImage=x\nFoo=1\nLogDriver=none\n[What]\nA=1\n" });
		expect(made?.remarks.map(({ line }) => line).sort()).toEqual([5, 6, 8]);
		expect(made?.units[0]?.text).toContain(
			"Description=The web [web.container:5: there is no key Foo= in [Container] (and 2 more: corten unit verify web.container)]",
		);
		expect(execStart(made?.units[0]?.text ?? "")).toContain("corten run");
	});

	test("text of a file never becomes another line of the unit", () => {
		const hostile = 'Environment="A=\\nExecStart=/bin/evil" B=\\x0aExecStartPre=/bin/evil\nHostName=a\rExecStartPre=/bin/evil';
		const text = service(hostile, "[Service]\nRestart=no\\\n ExecStartPre=/bin/evil");
		expect(text.split("\n").filter((line) => /^ExecStart(Pre)?=/.test(line))).toHaveLength(1);
	});
});

describe("references", () => {
	const files = {
		"web.container":
			"[Unit]\nAfter=db.container other.service\n[Container]\nImage=app.image\nVolume=data.volume:/d\n[Install]\nWantedBy=multi-user.target",
		"db.container": "[Container]\nImage=x\nServiceName=base\n",
		"app.image": "[Image]\nImage=registry.example/app:1\nArch=arm64\n",
		"data.volume": "[Volume]\nVolumeName=d\nUser=5\n",
	};

	test("become services, what they stand for, and dependencies", () => {
		const [web, , image, volume] = units(files);
		const text = web?.units[0]?.text ?? "";
		expect(text).toContain("After=base.service other.service\n");
		for (const name of ["app-image.service", "data-volume.service"]) expect(text).toContain(`Requires=${name}\nAfter=${name}\n`);
		expect(execStart(text)).toEndWith("--volume /var/lib/corten/volumes/d:/d registry.example/app:1");
		expect(web?.links).toEqual([["multi-user.target.wants/web.service", "../web.service"]]);
		expect(execStart(image?.units[0]?.text ?? "")).toBe("/usr/bin/corten pull --quiet --platform linux/arm64 registry.example/app:1");
		expect(volume?.units[0]?.text).toContain(
			"ExecStart=/bin/mkdir -p /var/lib/corten/volumes/d\nExecStart=/bin/chown 5 /var/lib/corten/volumes/d\n",
		);
	});

	test("to what is not there are said", () => {
		expect(units({ "web.container": "[Container]\nImage=x\nVolume=no.volume:/d" })[0]?.remarks[0]?.text).toContain(
			'"no.volume" is not there',
		);
	});

	test("images and artifacts are pulled with the credentials and certificates their files name", () => {
		const registry = "AuthFile=/a\nCertDir=/c\nCreds=u:p\nTLSVerify=false\n";
		const files = {
			"app.image": `[Image]\nImage=registry.example/app:1\n${registry}DecryptionKey=/k\n`,
			"model.artifact": `[Artifact]\nArtifact=registry.example/model:1\nQuiet=true\n${registry}`,
			"empty.artifact": "[Artifact]\n",
		};
		const [image, artifact, empty] = units(files);
		const options = "--authfile=/a --cert-dir=/c --creds=u:p --tls-verify=false";
		expect(execStart(image?.units[0]?.text ?? "")).toBe(`/usr/bin/corten pull --quiet ${options} registry.example/app:1`);
		expect(image?.remarks.map(({ text }) => text)).toEqual(["DecryptionKey= has no effect yet"]);
		expect(artifact?.units[0]?.name).toBe("model-artifact.service");
		expect(execStart(artifact?.units[0]?.text ?? "")).toBe(`/usr/bin/corten artifact pull --quiet ${options} registry.example/model:1`);
		expect(artifact?.remarks).toEqual([]);
		expect(empty?.units[0]?.text).toContain("unit refuse");
	});

	test("what corten does not have fails at its start, with a reason", () => {
		for (const name of ["a.pod", "a.network", "a.build", "a.kube"]) {
			const [made] = units({ [name]: `[${name[2]?.toUpperCase()}${name.slice(3)}]\n` });
			expect(made?.units[0]?.text).toContain("unit refuse");
			expect(made?.remarks).toHaveLength(1);
		}
	});
});

test("secrets are credentials of the unit's, bound where podman has them", () => {
	const files = {
		"web.container": "[Container]\nImage=x\nSecret=key\nSecret=cert.secret,target=/etc/cert\nSecret=plain,target=p\n",
		"key.secret": "[Secret]\nFile=/srv/key\nEncrypted=yes\n",
		"cert.secret": "[Secret]\nFile=/srv/cert.pem\nSecretName=c\n",
	};
	const [web, key] = units(files);
	const text = web?.units[0]?.text ?? "";
	expect(execStart(text)).toContain("--volume %d/key:/run/secrets/key:ro --volume %d/c:/etc/cert:ro --volume %d/plain:/run/secrets/p:ro x");
	expect(text).toContain("LoadCredentialEncrypted=key:/srv/key\nLoadCredential=c:/srv/cert.pem\nLoadCredential=plain\n");
	expect(key).toMatchObject({ units: [], remarks: [] });
	expect(execStart(service("Secret=key,type=env"))).toContain("--secret key,type=env");
});

test("on demand: a socket, a proxy in the container's network, and an end when nobody is connected", () => {
	const [made] = units({
		"web.container": "[Container]\nImage=x\nSocket=127.0.0.1:8080 80\nIdleStopSec=5\n[Install]\nWantedBy=sockets.target",
	});
	expect(made?.units.map(({ name }) => name)).toEqual(["web.service", "web.socket", "web-proxy.service"]);
	expect(made?.units[0]?.text).toContain("StopWhenUnneeded=yes");
	expect(made?.units[0]?.text).toContain("PrivateNetwork=yes");
	expect(made?.units[1]?.text).toContain("ListenStream=127.0.0.1:8080\nService=web-proxy.service");
	expect(made?.units[2]?.text).toContain("--exit-idle-time=5 127.0.0.1:80");
	expect(made?.links).toEqual([["sockets.target.wants/web.socket", "../web.socket"]]);
});

test("where quadlets are", () => {
	const env = { XDG_RUNTIME_DIR: "/run/user/7", HOME: "/h" };
	expect(searchPath({ user: false, uid: 0, env, podman: true })).toEqual(["/etc/corten/systemd"]);
	expect(searchPath({ user: true, uid: 7, env, podman: false })).toEqual([
		...["/h/.config/corten/systemd", "/run/user/7/containers/systemd", "/h/.config/containers/systemd"],
		...["/etc/containers/systemd/users/7", "/etc/containers/systemd/users"],
		...["/usr/share/containers/systemd/users/7", "/usr/share/containers/systemd/users"],
	]);
	expect(searchPath({ user: false, uid: 0, env: { QUADLET_UNIT_DIRS: "/a:b:/c" }, podman: false })).toEqual(["/a", "/c"]);
});
