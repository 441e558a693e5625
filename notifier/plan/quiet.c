/*
 * quiet.c - windows of a week against a clock on the wall.
 *
 * The zone is changed in place, in a text that the environment points to: a
 * setenv() could move the table that another thread is looking into.
 */
#include "notifier/plan/quiet.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { HOUR_MIN = 60, MINUTE_S = 60, DAYS = 7 };

/* Documented state of the process: see the head of quiet.h. */
static char zone_text[sizeof("TZ=:") + WP_PREFS_ZONE_MAX] = "TZ=:UTC";
static char *const zone = zone_text + sizeof("TZ=:") - 1;
static bool is_ready;

void wp_quiet_init(void)
{
	is_ready = putenv(zone_text) == 0;
	assert(is_ready);
	tzset();
}

static void use_zone(const char *name)
{
	assert(is_ready);
	if (strcmp(zone, name) == 0)
		return;
	memcpy(zone, name, strlen(name) + 1);
	tzset();
}

static struct tm local_of(int64_t at_s)
{
	time_t at = (time_t)at_s;
	struct tm tm = { 0 };

	(void)localtime_r(&at, &tm);
	return tm;
}

/* Does that instant show the same on the wall as tm? */
static bool shows(int64_t at_s, const struct tm *tm)
{
	struct tm other = local_of(at_s);

	return other.tm_mday == tm->tm_mday && other.tm_hour == tm->tm_hour &&
	       other.tm_min == tm->tm_min;
}

/*
 * When the wall shows min minutes after the midnight that began the day of tm,
 * or days later. Where the clock is put back it does so twice: the first time,
 * so that it does not depend on what mktime() found last.
 */
static int64_t instant_of(const struct tm *day, int days, int min)
{
	static const int64_t put_back_s[] = { 3600, 1800 };
	struct tm tm = { .tm_year = day->tm_year,
			 .tm_mon = day->tm_mon,
			 .tm_mday = day->tm_mday + days,
			 .tm_hour = min / HOUR_MIN,
			 .tm_min = min % HOUR_MIN,
			 .tm_isdst = -1 };
	int64_t at_s = (int64_t)mktime(&tm);

	for (size_t i = 0; i < sizeof(put_back_s) / sizeof(put_back_s[0]); i++)
		if (shows(at_s - put_back_s[i], &tm))
			return at_s - put_back_s[i];
	return at_s;
}

/* When the window ends that shows on the wall at tm; 0: it does not. */
static int64_t end_of(const struct wp_prefs_hours *hours, const struct tm *tm,
		      int64_t at_s)
{
	unsigned int today = (unsigned int)(tm->tm_wday + DAYS - 1) % DAYS;
	unsigned int yesterday = (today + DAYS - 1) % DAYS;
	bool spans = hours->to_min < hours->from_min;
	int min = tm->tm_hour * HOUR_MIN + tm->tm_min;
	bool began_today = (hours->days >> today & 1) != 0 &&
			   min >= hours->from_min &&
			   (spans || min < hours->to_min);
	bool began_before = spans && (hours->days >> yesterday & 1) != 0 &&
			    min < hours->to_min;
	int64_t end_s;

	if (!began_today && !began_before)
		return 0;
	end_s = instant_of(tm, began_today && spans ? 1 : 0, hours->to_min);
	/* It was that late already, and then the clock was put back. */
	if (end_s <= at_s)
		end_s = at_s - tm->tm_sec +
			(int64_t)(hours->to_min - min) * MINUTE_S;
	return end_s;
}

int64_t wp_quiet_until(const struct wp_prefs *prefs, int64_t at_ms)
{
	int64_t from_s = at_ms / 1000;
	int64_t last_s = (at_ms + WP_QUIET_MAX_MS) / 1000;
	int64_t until_s = from_s;
	bool is_in = prefs->n_hours > 0;

	if (is_in)
		use_zone(prefs->zone);
	while (is_in && until_s < last_s) {
		struct tm tm = local_of(until_s);

		is_in = false;
		for (size_t i = 0; !is_in && i < prefs->n_hours; i++) {
			int64_t end_s = end_of(&prefs->hours[i], &tm, until_s);

			is_in = end_s > 0;
			if (is_in)
				until_s = end_s;
		}
	}
	if (until_s == from_s)
		return 0;
	return (until_s < last_s ? until_s : last_s) * 1000;
}
