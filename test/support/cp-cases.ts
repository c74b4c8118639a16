// docker's rules of where cp puts what, as cases that run against any engine, out of a container and into one.
// @see docker's reference of `docker container cp`

/** `made`: what is there afterwards and was not before, or is another; "error" when the copy fails and nothing has changed. */
export type CpCase = {
	readonly what: string;
	readonly source: string;
	readonly target: string;
	readonly made: string;
	readonly flags?: readonly string[];
};

const row = (what: string, source: string, target: string, made: string, ...flags: readonly string[]): CpCase => ({
	what,
	source,
	target,
	made,
	flags,
});

/** What both sides have in the folder that the paths are relative to. */
export const cpTree = [
	"mkdir -p d/sub t/dir u/f && echo file > f && echo a > d/a && echo b > d/sub/b && ln -s f l && ln -s d ld && ln -s none gone",
	"echo old > t/file && ln -s dir t/ldir && ln -s file t/lfile && ln -s made t/dangling && echo old > u/d",
].join(" && ");

/** Sources and targets; the side that is the container is named by the test. */
export const cpCases: readonly CpCase[] = [
	// SRC is a file.
	row("DEST is not there", "f", "t/new", "t/new file"),
	row("DEST is not there and ends with a slash", "f", "t/new/", "error"),
	row("the folder of DEST is not there", "f", "t/no/new", "error"),
	row("DEST is a file", "f", "t/file", "t/file file"),
	row("DEST is a file and ends with a slash", "f", "t/file/", "error"),
	row("DEST is a folder", "f", "t/dir", "t/dir/f file"),
	row("DEST is a folder and ends with a slash", "f", "t/dir/", "t/dir/f file"),
	row("DEST is a folder and ends with a dot", "f", "t/dir/.", "t/dir/f file"),
	row("DEST is a link to a folder", "f", "t/ldir", "t/dir/f file"),
	row("DEST is a link to a file", "f", "t/lfile", "t/file file"),
	row("DEST is a link to nothing", "f", "t/dangling", "t/made file"),
	row("DEST has a folder of the same name", "f", "u", "error"),
	row("SRC is not there", "none", "t/dir", "error"),
	row("SRC is a file and ends with a slash", "f/", "t/new", "error"),
	row("paths go up and down", "d/../f", "t/../t/dir", "t/dir/f file"),
	// SRC is a folder.
	row("a folder, DEST is not there", "d", "t/new", "t/new/, t/new/a a, t/new/sub/, t/new/sub/b b"),
	row("a folder with a slash, DEST is not there", "d/", "t/new", "t/new/, t/new/a a, t/new/sub/, t/new/sub/b b"),
	row("a folder's content, DEST is not there", "d/.", "t/new", "t/new/, t/new/a a, t/new/sub/, t/new/sub/b b"),
	row("a folder, DEST is not there and ends with a slash", "d", "t/new/", "t/new/, t/new/a a, t/new/sub/, t/new/sub/b b"),
	row("a folder, DEST is a file", "d", "t/file", "error"),
	row("a folder's content, DEST is a file", "d/.", "t/file", "error"),
	row("a folder, DEST is a folder", "d", "t/dir", "t/dir/d/, t/dir/d/a a, t/dir/d/sub/, t/dir/d/sub/b b"),
	row("a folder with a slash, DEST is a folder", "d/", "t/dir/", "t/dir/d/, t/dir/d/a a, t/dir/d/sub/, t/dir/d/sub/b b"),
	row("a folder's content, DEST is a folder", "d/.", "t/dir", "t/dir/a a, t/dir/sub/, t/dir/sub/b b"),
	row("a folder, DEST is a link to a folder", "d", "t/ldir", "t/dir/d/, t/dir/d/a a, t/dir/d/sub/, t/dir/d/sub/b b"),
	row("a folder, DEST has a file of the same name", "d", "u", "error"),
	// SRC is a link.
	row("a link", "l", "t/new", "t/new -> f"),
	row("a link, DEST is a folder", "l", "t/dir", "t/dir/l -> f"),
	row("a link to nothing", "gone", "t/dir", "t/dir/gone -> none"),
	row("a link over a file", "l", "t/file", "t/file -> f"),
	row("a link that is followed", "l", "t/new", "t/new file", "-L"),
	row("a link that is followed, DEST is a folder", "l", "t/dir", "t/dir/l file", "-L"),
	row("a link to nothing that is followed", "gone", "t/dir", "error", "-L"),
	row("a link to a folder", "ld", "t/dir", "t/dir/ld -> d"),
	row("a link to a folder, with a slash", "ld/", "t/dir", "t/dir/ld/, t/dir/ld/a a, t/dir/ld/sub/, t/dir/ld/sub/b b"),
	row("a link to a folder that is followed", "ld", "t/dir", "t/dir/ld/, t/dir/ld/a a, t/dir/ld/sub/, t/dir/ld/sub/b b", "-L"),
	row("the content of a link's folder", "ld/.", "t/dir", "t/dir/a a, t/dir/sub/, t/dir/sub/b b"),
];
