// The text and memory functions that gcc expects and launch needs. No libc is linked.

#include "sys.h"

void *memcpy(void *to, const void *from, size_t n)
{
	void *start = to;
	__asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
	return start;
}

void *memset(void *to, int value, size_t n)
{
	void *start = to;
	__asm__ volatile("rep stosb" : "+D"(to), "+c"(n) : "a"(value) : "memory");
	return start;
}

size_t strlen(const char *text)
{
	const char *end = text;
	while (*end)
		end++;
	return (size_t)(end - text);
}

int strcmp(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return (unsigned char)*a - (unsigned char)*b;
}

void put_bytes(struct text *t, const char *s, size_t n)
{
	while (n-- && t->at + 1 < t->end)
		*t->at++ = *s++;
	*t->at = 0;
}

void put(struct text *t, const char *s)
{
	put_bytes(t, s, strlen(s));
}

// As the inside of a JSON text.
void put_escaped(struct text *t, const char *s)
{
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			put_bytes(t, "\\", 1);
		if ((unsigned char)*s >= ' ')
			put_bytes(t, s, 1);
		else
			put(t, *s == '\n' ? "\\n" : " ");
	}
}

// The inside of a JSON text for people: quotes and backslashes as themselves.
void put_unescaped(struct text *t, const char *s)
{
	for (; *s; s++) {
		if (*s == '\\' && (s[1] == '"' || s[1] == '\\'))
			s++;
		put_bytes(t, s, 1);
	}
}

void put_number(struct text *t, uint64_t n, int width)
{
	char digits[24];
	int at = sizeof digits;
	do {
		digits[--at] = (char)('0' + n % 10);
		n /= 10;
		width--;
	} while (n || width > 0);
	put_bytes(t, digits + at, sizeof digits - (size_t)at);
}

// RFC 3339 with nanoseconds, UTC. The date from the day count is the usual civil calendar reckoning in 400-year eras of 146,097 days.
void put_time(struct text *t, int64_t seconds, int64_t nanoseconds)
{
	int64_t days = seconds / 86400, rest = seconds % 86400;
	int64_t shifted = days + 719468, era = shifted / 146097, day_of_era = shifted % 146097;
	int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	int64_t month_index = (5 * day_of_year + 2) / 153;
	int64_t month = month_index < 10 ? month_index + 3 : month_index - 9;
	put_number(t, (uint64_t)(year_of_era + era * 400 + (month <= 2)), 4), put(t, "-");
	put_number(t, (uint64_t)month, 2), put(t, "-");
	put_number(t, (uint64_t)(day_of_year - (153 * month_index + 2) / 5 + 1), 2), put(t, "T");
	put_number(t, (uint64_t)(rest / 3600), 2), put(t, ":");
	put_number(t, (uint64_t)(rest / 60 % 60), 2), put(t, ":");
	put_number(t, (uint64_t)(rest % 60), 2), put(t, ".");
	put_number(t, (uint64_t)nanoseconds, 9), put(t, "Z");
}

long write_all(int fd, const void *data, size_t length)
{
	const char *at = data;
	while (length) {
		long n = sys(write, fd, at, length);
		if (n == -EINTR)
			continue;
		if (n < 0)
			return n;
		at += n, length -= (size_t)n;
	}
	return 0;
}
