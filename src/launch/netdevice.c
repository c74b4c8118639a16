// Moves a network interface into the network namespace of the new process, by rtnetlink. The kernel drops an interface's addresses when it
// changes namespaces: those that are meant to stay (permanent, of global scope) are read before and given back after.
// @see rtnetlink(7), runtime-spec config-linux.md#network-devices

#include "launch.h"
#include <linux/rtnetlink.h>

enum { AF_NETLINK_ = 16, SOCK_RAW_ = 3 };

static struct { struct nlmsghdr header; char body[1024]; } request;
static char reply[32768];
// RTM_NEWADDR messages as the kernel told them, one after another.
static char kept[16384];
static size_t kept_size;

static void begin(uint16_t type, uint16_t flags, const void *body, size_t size)
{
	memset(&request, 0, sizeof request);
	request.header = (struct nlmsghdr){ .nlmsg_len = (uint32_t)NLMSG_LENGTH(size), .nlmsg_type = type, .nlmsg_flags = flags | NLM_F_REQUEST };
	memcpy(NLMSG_DATA(&request.header), body, size);
}

static long attribute(uint16_t type, const void *data, size_t size)
{
	uint32_t end = NLMSG_ALIGN(request.header.nlmsg_len);
	if (end + RTA_SPACE(size) > sizeof request)
		return -EMSGSIZE;
	struct rtattr *added = (struct rtattr *)((char *)&request + end);
	added->rta_type = type, added->rta_len = (uint16_t)RTA_LENGTH(size);
	memcpy(RTA_DATA(added), data, size);
	request.header.nlmsg_len = end + (uint32_t)RTA_LENGTH(size);
	return 0;
}

static long hear_reply(int fd)
{
	long size = sys(recvfrom, fd, reply, sizeof reply);
	return size < 0 ? size : size < (long)sizeof(struct nlmsghdr) ? -EPROTO : size;
}

// Sends the request; the answer's first message is in `reply`.
static long ask(int fd)
{
	long result = sys(sendto, fd, &request, request.header.nlmsg_len);
	if (result >= 0)
		result = hear_reply(fd);
	if (result < 0)
		return result;
	const struct nlmsghdr *header = (const void *)reply;
	return header->nlmsg_type == NLMSG_ERROR ? ((const struct nlmsgerr *)NLMSG_DATA(header))->error : 0;
}

static long index_of(int fd, const char *name)
{
	struct ifinfomsg link = { 0 };
	begin(RTM_GETLINK, 0, &link, sizeof link);
	long result = attribute(IFLA_IFNAME, name, strlen(name) + 1);
	if (result >= 0)
		result = ask(fd);
	return result < 0 ? result : ((const struct ifinfomsg *)NLMSG_DATA((struct nlmsghdr *)reply))->ifi_index;
}

static long move(int fd, int index, int target, const char *name)
{
	struct ifinfomsg link = { .ifi_index = index };
	begin(RTM_NEWLINK, NLM_F_ACK, &link, sizeof link);
	long result = target < 0 ? 0 : attribute(IFLA_NET_NS_FD, &target, sizeof target);
	if (result >= 0)
		result = attribute(IFLA_IFNAME, name, strlen(name) + 1);
	return result < 0 ? result : ask(fd);
}

static long bring_up(int fd, int index)
{
	struct ifinfomsg link = { .ifi_index = index, .ifi_flags = IFF_UP, .ifi_change = IFF_UP };
	begin(RTM_NEWLINK, NLM_F_ACK, &link, sizeof link);
	return ask(fd);
}

// The flags of an address: eight bits in the message, all of them in an attribute.
static uint32_t flags_of(const struct nlmsghdr *message)
{
	const struct ifaddrmsg *address = NLMSG_DATA(message);
	uint32_t flags = address->ifa_flags;
	int left = (int)IFA_PAYLOAD(message);
	for (const struct rtattr *a = IFA_RTA(address); RTA_OK(a, left); a = RTA_NEXT(a, left))
		if (a->rta_type == IFA_FLAGS)
			flags = *(const uint32_t *)RTA_DATA(a);
	return flags;
}

static long keep_addresses(int fd, int index)
{
	struct ifaddrmsg all = { 0 };
	kept_size = 0;
	begin(RTM_GETADDR, NLM_F_DUMP, &all, sizeof all);
	long size = sys(sendto, fd, &request, request.header.nlmsg_len);
	while (size >= 0 && (size = hear_reply(fd)) >= 0) {
		uint32_t left = NLMSG_ALIGN((uint32_t)size); // or the last message, shorter than its place, would take it below zero
		for (struct nlmsghdr *message = (void *)reply; NLMSG_OK(message, left); message = NLMSG_NEXT(message, left)) {
			if (message->nlmsg_type == NLMSG_DONE)
				return 0;
			if (message->nlmsg_type == NLMSG_ERROR)
				return ((struct nlmsgerr *)NLMSG_DATA(message))->error;
			const struct ifaddrmsg *address = NLMSG_DATA(message);
			if (message->nlmsg_len < NLMSG_LENGTH(sizeof *address))
				continue;
			if ((int)address->ifa_index != index || address->ifa_scope != RT_SCOPE_UNIVERSE || !(flags_of(message) & IFA_F_PERMANENT))
				continue;
			if (kept_size + NLMSG_ALIGN(message->nlmsg_len) > sizeof kept)
				return -E2BIG;
			memcpy(kept + kept_size, message, message->nlmsg_len);
			kept_size += NLMSG_ALIGN(message->nlmsg_len);
		}
	}
	return size;
}

static long add_address(int fd, int index, const struct nlmsghdr *told)
{
	struct ifaddrmsg address = *(const struct ifaddrmsg *)NLMSG_DATA(told);
	// What somebody asked for, not what the kernel found out.
	uint32_t flags = flags_of(told) & (IFA_F_NODAD | IFA_F_HOMEADDRESS | IFA_F_MANAGETEMPADDR | IFA_F_NOPREFIXROUTE | IFA_F_MCAUTOJOIN);
	int left = (int)IFA_PAYLOAD(told);
	address.ifa_index = (uint32_t)index, address.ifa_flags = (uint8_t)flags;
	begin(RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE, &address, sizeof address);
	long result = attribute(IFA_FLAGS, &flags, sizeof flags);
	for (const struct rtattr *a = IFA_RTA(NLMSG_DATA(told)); RTA_OK(a, left) && result >= 0; a = RTA_NEXT(a, left))
		if (a->rta_type == IFA_ADDRESS || a->rta_type == IFA_LOCAL || a->rta_type == IFA_BROADCAST || a->rta_type == IFA_RT_PRIORITY)
			result = attribute(a->rta_type, RTA_DATA(a), RTA_PAYLOAD(a));
	return result < 0 ? result : ask(fd);
}

static long open_socket(void)
{
	return sys(socket, AF_NETLINK_, SOCK_RAW_ | SOCK_CLOEXEC, NETLINK_ROUTE);
}

static long open_inside(int inside, int own)
{
	long result = sys(setns, inside, CLONE_NEWNET);
	if (result < 0)
		return result;
	long fd = open_socket();
	result = sys(setns, own, CLONE_NEWNET);
	return result < 0 ? result : fd;
}

// In its new namespace: the final name, the addresses, up.
static long settle(int fd, const char *now, const char *name)
{
	long index = index_of(fd, now), result = index;
	if (result >= 0 && now != name)
		result = move(fd, (int)index, -1, name);
	for (size_t at = 0; at < kept_size && result >= 0; at += NLMSG_ALIGN(((struct nlmsghdr *)(kept + at))->nlmsg_len))
		result = add_address(fd, (int)index, (struct nlmsghdr *)(kept + at));
	return result < 0 ? result : bring_up(fd, (int)index);
}

long netdevice_op(const struct plan_op *op)
{
	const char *name = text_at(op->args[0]), *wanted = text_at(op->args[1]), *first = wanted;
	char path[64], passing[16];
	struct text t = { path, path + sizeof path }, p = { passing, passing + sizeof passing };
	put(&t, "/proc/"), put_number(&t, (uint64_t)self.child, 1), put(&t, "/ns/net");
	for (const char *c = wanted; *c; c++)
		if (*c == '%') // the kernel says nowhere what it made of it: until it is settled the interface has a name we know
			first = passing, p.at = passing, put(&p, "corten"), put_number(&p, (uint64_t)self.child, 1);
	long inside = sys(openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
	long own = sys(openat, AT_FDCWD, "/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	long outer = open_socket();
	long result = inside < 0 ? inside : own < 0 ? own : outer;
	long inner = result < 0 ? result : (result = open_inside((int)inside, (int)own));
	long index = result < 0 ? result : (result = index_of((int)outer, name));
	if (result >= 0)
		result = keep_addresses((int)outer, (int)index);
	if (result >= 0)
		result = move((int)outer, (int)index, (int)inside, first);
	// The kernel moves first and renames then: with the new name taken the interface is inside, under its old one.
	if (result < 0 && inner >= 0 && index_of((int)outer, name) < 0 && (index = index_of((int)inner, name)) > 0)
		move((int)inner, (int)index, (int)own, name);
	if (result >= 0) {
		result = settle((int)inner, first, wanted);
		if (result < 0 && (index = index_of((int)inner, first)) > 0)
			move((int)inner, (int)index, (int)own, name);
	}
	sys(close, inside), sys(close, own), sys(close, outer), sys(close, inner);
	return result;
}
