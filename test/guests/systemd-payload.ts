// The root of a machine for the tests of systemd as payload: the guest's own root again, below an overlay, with a service that says a word.

/** A shell script that makes it at $root, as root of a guest. */
export const makeRoot = `root=/run/machine/root; mkdir -p /run/machine
mount -t tmpfs tmpfs /run/machine; mkdir /run/machine/lower /run/machine/upper /run/machine/work $root
mount --bind / /run/machine/lower
mount -t overlay -o lowerdir=/run/machine/lower,upperdir=/run/machine/upper,workdir=/run/machine/work overlay $root
rm -f $root/etc/systemd/system/guest-script.service $root/etc/systemd/system/multi-user.target.wants/guest-script.service
: >$root/etc/machine-id; mkdir -p $root/etc/systemd/system/multi-user.target.wants
printf '[Service]\\nType=oneshot\\nRemainAfterExit=yes\\nExecStart=/bin/echo a word from inside\\n' >$root/etc/systemd/system/word.service
ln -s ../word.service $root/etc/systemd/system/multi-user.target.wants/word.service
`;
