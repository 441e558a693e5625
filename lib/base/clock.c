/*
 * clock.c - read the kernel's clocks, and write wall time as RFC 3339.
 *
 * Knows CLOCK_MONOTONIC, CLOCK_BOOTTIME and CLOCK_REALTIME. Knows no time zone
 * but UTC, and never caches: calls stay in user space (vDSO) and cost
 * nanoseconds.
 */
#include "lib/base/clock.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

enum {
	MS_PER_S = 1000,
	US_PER_S = 1000000,
	NS_PER_US = 1000,
	NS_PER_MS = 1000000,
	S_PER_DAY = 24 * 3600
};

#define LAST_MS_OF_YEAR_9999 INT64_C(253402300799999)

uint64_t wp_mono_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * US_PER_S +
	       (uint64_t)now.tv_nsec / NS_PER_US;
}

uint64_t wp_mono_ms(void)
{
	return wp_mono_us() / (US_PER_S / MS_PER_S);
}

int64_t wp_boot_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (int64_t)now.tv_sec * MS_PER_S +
	       (int64_t)now.tv_nsec / NS_PER_MS;
}

void wp_boot_id(char id[WP_BOOT_ID_LEN])
{
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	struct utsname host;
	ssize_t n = -1;

	memset(id, 0, WP_BOOT_ID_LEN);
	if (fd != -1) {
		n = read(fd, id, WP_BOOT_ID_LEN - 1);
		close(fd);
	}
	if (n != WP_BOOT_ID_LEN - 1 && uname(&host) == 0)
		(void)snprintf(id, WP_BOOT_ID_LEN, "%.36s", host.nodename);
}

int64_t wp_wall_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * MS_PER_S +
	       (int64_t)now.tv_nsec / NS_PER_MS;
}

/* Right-aligned decimal digits with leading zeros, and what follows them. */
static char *put_digits(char *text, int digits, int value, char then)
{
	int i;

	for (i = digits - 1; i >= 0; i--) {
		text[i] = (char)('0' + value % 10);
		value /= 10;
	}
	text[digits] = then;
	return text + digits + 1;
}

struct date {
	int year;
	int month; /* 1 to 12 */
	int day;   /* 1 to 31 */
};

/*
 * The date so many days after 1970-01-01. gmtime_r() takes the lock of the time
 * zone, which a busy thread notices.
 *
 * A year that begins in March ends with its leap day, and months have 153 days
 * in each five of it.
 */
static struct date date_of(uint32_t days)
{
	enum {
		UNTIL_1970 = 719468, /* since 0000-03-01 */
		OF_4 = 4 * 365 + 1,
		OF_100 = 25 * OF_4 - 1,
		OF_400 = 4 * OF_100 + 1,
	};
	uint32_t era = (days + UNTIL_1970) / OF_400;
	uint32_t left = (days + UNTIL_1970) % OF_400;
	/* Leap days before are taken off, so that all years have 365. */
	uint32_t year = (left - left / (OF_4 - 1) + left / OF_100 -
			 left / (OF_400 - 1)) /
			365;
	uint32_t month;

	left -= 365 * year + year / 4 - year / 100;
	month = (5 * left + 2) / 153; /* 0: March */
	return (struct date){
		.year = (int)(400 * era + year + (month >= 10 ? 1 : 0)),
		.month = (int)(month >= 10 ? month - 9 : month + 3),
		.day = (int)(left - (153 * month + 2) / 5 + 1),
	};
}

void wp_rfc3339(int64_t wall_ms, char text[WP_RFC3339_LEN])
{
	struct date date;
	int of_day; /* seconds */

	/* Four digits of year are all the format has: clamp, never overflow. */
	if (wall_ms < 0)
		wall_ms = 0;
	if (wall_ms > LAST_MS_OF_YEAR_9999)
		wall_ms = LAST_MS_OF_YEAR_9999;
	date = date_of((uint32_t)(wall_ms / MS_PER_S / S_PER_DAY));
	of_day = (int)(wall_ms / MS_PER_S % S_PER_DAY);

	text = put_digits(text, 4, date.year, '-');
	text = put_digits(text, 2, date.month, '-');
	text = put_digits(text, 2, date.day, 'T');
	text = put_digits(text, 2, of_day / 3600, ':');
	text = put_digits(text, 2, of_day / 60 % 60, ':');
	text = put_digits(text, 2, of_day % 60, '.');
	text = put_digits(text, 3, (int)(wall_ms % MS_PER_S), 'Z');
	*text = '\0';
}
