// What the keys of a .container file are on the command line of `corten run`, as podman-systemd.unit(5) describes them. What corten cannot do
// and may not leave out is handed on all the same: the start then fails with the option's name, and never runs something else.

/** How a key becomes words. */
export type KeyRule =
	/** `--option VALUE`, the last one. */
	| { readonly as: "value"; readonly option: string }
	/** `--option VALUE` for each. */
	| { readonly as: "each"; readonly option: string }
	/** Words in one value: `--option WORD` for each of them. */
	| { readonly as: "words"; readonly option: string }
	/** A boolean: `--option` when it is true. */
	| { readonly as: "flag"; readonly option: string }
	/** `--security-opt WORD=VALUE` */
	| { readonly as: "security"; readonly word: string }
	/** Done by code of its own. */
	| { readonly as: "own" }
	/** Not done; without it the container is the same but for what the text says. */
	| { readonly as: "without"; readonly text: string };

const value = (option: string): KeyRule => ({ as: "value", option });
const each = (option: string): KeyRule => ({ as: "each", option });
const words = (option: string): KeyRule => ({ as: "words", option });
const flag = (option: string): KeyRule => ({ as: "flag", option });
const security = (word: string): KeyRule => ({ as: "security", word });
const own: KeyRule = { as: "own" };
const without = (text: string): KeyRule => ({ as: "without", text });

/** Key of [Container] -> rule. Socket and IdleStopSec are corten's own. */
export const containerKeys: Readonly<Record<string, KeyRule>> = {
	AddCapability: words("--cap-add"),
	AddDevice: own,
	AddHost: each("--add-host"),
	Annotation: words("--annotation"),
	AppArmor: security("apparmor"),
	AutoUpdate: own,
	CgroupsMode: without("the container is in the unit's cgroup"),
	ContainerName: own,
	ContainersConfModule: without("corten reads no containers.conf"),
	DNS: each("--dns"),
	DNSOption: each("--dns-option"),
	DNSSearch: each("--dns-search"),
	DropCapability: words("--cap-drop"),
	Entrypoint: value("--entrypoint"),
	Environment: words("--env"),
	EnvironmentFile: each("--env-file"),
	EnvironmentHost: without("the container gets the unit's environment"),
	Exec: own,
	ExposeHostPort: without("it says nothing to a container without bridges"),
	GIDMap: each("--gidmap"),
	GlobalArgs: own,
	Group: own,
	GroupAdd: each("--group-add"),
	HealthCmd: value("--health-cmd"),
	HealthInterval: value("--health-interval"),
	HealthLogDestination: without("the last checks are in corten inspect"),
	HealthMaxLogCount: without("the last checks are in corten inspect"),
	HealthMaxLogSize: without("the last checks are in corten inspect"),
	HealthOnFailure: value("--health-on-failure"),
	HealthRetries: value("--health-retries"),
	HealthStartPeriod: value("--health-start-period"),
	HealthStartupCmd: value("--health-startup-cmd"),
	HealthStartupInterval: value("--health-startup-interval"),
	HealthStartupRetries: value("--health-startup-retries"),
	HealthStartupSuccess: value("--health-startup-success"),
	HealthStartupTimeout: value("--health-startup-timeout"),
	HealthTimeout: value("--health-timeout"),
	HostName: value("--hostname"),
	HttpProxy: without("corten hands no proxy variables on"),
	IP: value("--ip"),
	IP6: value("--ip6"),
	IdleStopSec: own,
	Image: own,
	Label: words("--label"),
	LogDriver: without("the output is the unit's own, in the journal"),
	LogOpt: without("the output is the unit's own, in the journal"),
	Mask: security("mask"),
	Memory: value("--memory"),
	Mount: own,
	Network: own,
	NetworkAlias: each("--network-alias"),
	NoNewPrivileges: own,
	Notify: own,
	PidsLimit: value("--pids-limit"),
	Pod: own,
	PodmanArgs: own,
	PublishPort: own,
	Pull: value("--pull"),
	ReadOnly: flag("--read-only"),
	ReadOnlyTmpfs: own,
	ReloadCmd: own,
	ReloadSignal: own,
	RemapGid: each("--gidmap"),
	RemapUid: each("--uidmap"),
	RemapUidSize: without("there is no user namespace of the container's own"),
	RemapUsers: value("--userns"),
	Retry: without("a pull is not tried again"),
	RetryDelay: without("a pull is not tried again"),
	Rootfs: own,
	RunInit: flag("--init"),
	SeccompProfile: security("seccomp"),
	Secret: own,
	SecurityLabelDisable: own,
	SecurityLabelFileType: security("label=filetype"),
	SecurityLabelLevel: security("label=level"),
	SecurityLabelNested: without("corten sets no SELinux labels"),
	SecurityLabelType: security("label=type"),
	ServiceName: own,
	ShmSize: value("--shm-size"),
	Socket: own,
	StartWithPod: without("there are no pods yet"),
	StopSignal: own,
	StopTimeout: own,
	SubGIDMap: value("--subgidname"),
	SubUIDMap: value("--subuidname"),
	Sysctl: words("--sysctl"),
	Timezone: value("--tz"),
	Tmpfs: each("--tmpfs"),
	UIDMap: each("--uidmap"),
	Ulimit: each("--ulimit"),
	Unmask: security("unmask"),
	User: own,
	UserNS: value("--userns"),
	VolatileTmp: own,
	Volume: own,
	WorkingDir: value("--workdir"),
};

const list = (text: string): readonly string[] => text.split(" ");

/** The keys of the other types: all that podman has, so that only what nobody knows is said to be unknown. */
export const otherKeys: Readonly<Record<string, readonly string[]>> = {
	Pod: list(
		"AddHost ContainersConfModule DNS DNSOption DNSSearch ExitPolicy GIDMap GlobalArgs HostName IP IP6 Label Network NetworkAlias PodName PodmanArgs PublishPort RemapGid RemapUid RemapUidSize RemapUsers ServiceName ShmSize StopTimeout SubGIDMap SubUIDMap UIDMap UserNS Volume",
	),
	Kube: list(
		"AutoUpdate ConfigMap ContainersConfModule ExitCodePropagation GlobalArgs KubeDownForce LogDriver LogOpt Network PodmanArgs PublishPort RemapGid RemapUid RemapUidSize RemapUsers ServiceName SetWorkingDirectory UserNS Yaml",
	),
	Network: list(
		"ContainersConfModule DNS DisableDNS Driver Gateway GlobalArgs IPAMDriver IPRange IPv6 InterfaceName Internal Label NetworkDeleteOnStop NetworkName Options PodmanArgs ServiceName Subnet",
	),
	Volume: list(
		"ContainersConfModule Copy Device Driver GID GlobalArgs Group Image Label Options PodmanArgs ServiceName Type UID User VolumeName",
	),
	Image: list(
		"AllTags Arch AuthFile CertDir ContainersConfModule Creds DecryptionKey GlobalArgs Image ImageTag OS PodmanArgs Policy Retry RetryDelay ServiceName TLSVerify Variant",
	),
	Build: list(
		"Annotation Arch AuthFile BuildArg ContainersConfModule DNS DNSOption DNSSearch Environment File ForceRM GlobalArgs GroupAdd IgnoreFile ImageTag Label Network PodmanArgs Pull Retry RetryDelay Secret ServiceName SetWorkingDirectory TLSVerify Target Variant Volume",
	),
	Artifact: list(
		"Artifact AuthFile CertDir ContainersConfModule Creds DecryptionKey GlobalArgs PodmanArgs Quiet Retry RetryDelay ServiceName TLSVerify",
	),
	Secret: list("File Encrypted SecretName"),
	Quadlet: list("DefaultDependencies"),
};
