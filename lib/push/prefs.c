/*
 * prefs.c - preferences as JSON, member by member. A text in it is short and
 * plain, so it is compared as it stands: one with escapes is not expected.
 */
#include "lib/push/prefs.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/json.h"

enum { HOUR_MIN = 60, DAYS = 7, TEXT_MAX = 64 };

/* The end of the year 9999. */
static const int64_t LAST_S = INT64_C(253402300799);

static const char zones[] = "/usr/share/zoneinfo/";
static const char utc[] = "UTC";

static const char *const day_names[DAYS] = { "mon", "tue", "wed", "thu",
					     "fri", "sat", "sun" };
static const char *const band_names[] = {
	[WP_PREFS_ALL] = "all",
	[WP_PREFS_BADGE] = "badge",
	[WP_PREFS_NONE] = "none",
};

enum { BANDS = sizeof(band_names) / sizeof(band_names[0]) };

void wp_prefs_init(struct wp_prefs *out)
{
	*out = (struct wp_prefs){
		.standard = WP_PREFS_ALL,
		.high = WP_PREFS_ALL,
		.badge = true,
		.high_breaks_quiet = true,
		.zone = "UTC",
	};
}

/* ---- values ---- */

static void read_bool(struct wp_json *js, bool *out, const char *why)
{
	if (wp_json_peek(js) != WP_JSON_BOOL)
		wp_json_fail(js, why);
	(void)wp_json_bool(js, out);
}

/* Its text, NUL-terminated; "" when it is no short text without escapes. */
static void read_text(struct wp_json *js, char out[TEXT_MAX + 1],
		      const char *why)
{
	struct wp_json_slice text;

	out[0] = '\0';
	if (wp_json_peek(js) != WP_JSON_STRING)
		wp_json_fail(js, why);
	if (!wp_json_string(js, &text))
		return;
	if (text.has_escapes || text.len > TEXT_MAX) {
		wp_json_fail(js, why);
		return;
	}
	memcpy(out, text.data, text.len);
	out[text.len] = '\0';
}

static void read_band(struct wp_json *js, enum wp_prefs_band *out,
		      const char *why)
{
	char text[TEXT_MAX + 1];

	read_text(js, text, why);
	for (int i = 0; i < BANDS; i++) {
		if (strcmp(text, band_names[i]) != 0)
			continue;
		*out = (enum wp_prefs_band)i;
		return;
	}
	wp_json_fail(js, why);
}

/* Exactly n digits; -1: they are not. */
static int digits(const char *text, int n)
{
	int value = 0;

	for (int i = 0; i < n; i++) {
		if (text[i] < '0' || text[i] > '9')
			return -1;
		value = value * 10 + (text[i] - '0');
	}
	return value;
}

/* "2026-11-30T22:15:00", and where the text goes on; NULL: it is none. */
static const char *read_moment(const char *text, int64_t *seconds_out)
{
	static const char shape[] = "0000-00-00T00:00:00";
	struct tm tm = { 0 };
	struct tm same;
	time_t at;

	if (strlen(text) < sizeof(shape) - 1)
		return NULL;
	for (size_t i = 0; i < sizeof(shape) - 1; i++)
		if (shape[i] == '0' ? text[i] < '0' || text[i] > '9'
				    : text[i] != shape[i])
			return NULL;
	tm.tm_year = digits(text, 4) - 1900;
	tm.tm_mon = digits(text + 5, 2) - 1;
	tm.tm_mday = digits(text + 8, 2);
	tm.tm_hour = digits(text + 11, 2);
	tm.tm_min = digits(text + 14, 2);
	tm.tm_sec = digits(text + 17, 2);
	same = tm;
	at = timegm(&same);
	/* What is no date of the calendar became another one. */
	if (tm.tm_year < 70 || same.tm_mon != tm.tm_mon ||
	    same.tm_mday != tm.tm_mday || same.tm_hour != tm.tm_hour ||
	    same.tm_min != tm.tm_min || same.tm_sec != tm.tm_sec)
		return NULL;
	*seconds_out = (int64_t)at;
	return text + sizeof(shape) - 1;
}

/* "Z" or "+01:00" and nothing behind it. */
static bool read_offset(const char *text, int64_t *seconds_out)
{
	int hours, minutes;

	*seconds_out = 0;
	if (strcmp(text, "Z") == 0)
		return true;
	if (strlen(text) != 6 || (text[0] != '+' && text[0] != '-') ||
	    text[3] != ':')
		return false;
	hours = digits(text + 1, 2);
	minutes = digits(text + 4, 2);
	if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59)
		return false;
	*seconds_out =
		(int64_t)(hours * 60 + minutes) * (text[0] == '-' ? -60 : 60);
	return true;
}

/* RFC 3339 section 5.6, without leap seconds; fractions are dropped. */
static bool read_date_time(const char *text, int64_t *ms_out)
{
	int64_t seconds, offset;
	const char *rest = read_moment(text, &seconds);

	if (rest == NULL)
		return false;
	if (*rest == '.') {
		size_t n = strspn(rest + 1, "0123456789");

		if (n == 0)
			return false;
		rest += 1 + n;
	}
	if (!read_offset(rest, &offset) || seconds - offset <= 0 ||
	    seconds - offset > LAST_S)
		return false;
	*ms_out = (seconds - offset) * 1000;
	return true;
}

static void read_until(struct wp_json *js, int64_t *out)
{
	static const char why[] = "muteUntil: null or a date-time of RFC 3339 "
				  "after 1970";
	char text[TEXT_MAX + 1];

	*out = 0;
	if (wp_json_peek(js) == WP_JSON_NULL) {
		(void)wp_json_null(js);
		return;
	}
	read_text(js, text, why);
	if (!read_date_time(text, out))
		wp_json_fail(js, why);
}

/* Does the system know it? A file of it begins with TZif (RFC 8536). */
static bool is_known_zone(const char *zone)
{
	static const char magic[] = { 'T', 'Z', 'i', 'f' };
	char path[sizeof(zones) + WP_PREFS_ZONE_MAX];
	char head[sizeof(magic)];
	bool is_known;
	int fd;

	if (strcmp(zone, utc) == 0)
		return true;
	(void)snprintf(path, sizeof(path), "%s%s", zones, zone);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd == -1)
		return false;
	is_known = read(fd, head, sizeof(head)) == (ssize_t)sizeof(head) &&
		   memcmp(head, magic, sizeof(magic)) == 0;
	close(fd);
	return is_known;
}

static void read_zone(struct wp_json *js, char out[WP_PREFS_ZONE_MAX + 1])
{
	static const char why[] = "timeZone: a name of the IANA time zone "
				  "database, like Europe/Berlin";
	static const char of[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				 "abcdefghijklmnopqrstuvwxyz0123456789_+-/";

	read_text(js, out, why);
	/* With no dot in it, it leads nowhere but down. */
	if (out[0] == '\0' || out[0] == '/' || out[strspn(out, of)] != '\0' ||
	    !is_known_zone(out))
		wp_json_fail(js, why);
}

/* ---- quiet hours ---- */

/* "22:00" */
static bool read_time(const char *text, uint16_t *min_out)
{
	int hour, minute;

	if (strlen(text) != 5 || text[2] != ':')
		return false;
	hour = digits(text, 2);
	minute = digits(text + 3, 2);
	if (hour < 0 || minute < 0 || minute >= HOUR_MIN ||
	    hour * HOUR_MIN + minute > WP_PREFS_DAY_MIN)
		return false;
	*min_out = (uint16_t)(hour * HOUR_MIN + minute);
	return true;
}

static void read_days(struct wp_json *js, uint8_t *out)
{
	static const char why[] = "quietHours: days: a list of some of mon, "
				  "tue, wed, thu, fri, sat, sun";
	char text[TEXT_MAX + 1];

	*out = 0;
	if (wp_json_peek(js) != WP_JSON_ARRAY)
		wp_json_fail(js, why);
	(void)wp_json_array_begin(js);
	while (wp_json_array_next(js)) {
		unsigned int day = 0;

		read_text(js, text, why);
		while (day < DAYS && strcmp(text, day_names[day]) != 0)
			day++;
		if (day == DAYS || (*out & 1U << day) != 0)
			wp_json_fail(js, why);
		else
			*out |= (uint8_t)(1U << day);
	}
	if (*out == 0)
		wp_json_fail(js, why);
}

static void read_one_hours(struct wp_json *js, struct wp_prefs_hours *out)
{
	static const char from_why[] = "quietHours: from: a time from 00:00 "
				       "to 23:59";
	static const char to_why[] = "quietHours: to: a time from 00:00 to "
				     "24:00, and another than from";
	struct wp_json_slice name;
	char text[TEXT_MAX + 1] = "";
	unsigned int seen = 0;

	(void)wp_json_object_begin(js);
	while (wp_json_object_next(js, &name)) {
		unsigned int bit = 0;

		if (wp_json_slice_is(&name, "days")) {
			bit = 1;
			read_days(js, &out->days);
		} else if (wp_json_slice_is(&name, "from")) {
			bit = 2;
			read_text(js, text, from_why);
			if (!read_time(text, &out->from_min) ||
			    out->from_min == WP_PREFS_DAY_MIN)
				wp_json_fail(js, from_why);
		} else if (wp_json_slice_is(&name, "to")) {
			bit = 4;
			read_text(js, text, to_why);
			if (!read_time(text, &out->to_min))
				wp_json_fail(js, to_why);
		}
		if (bit == 0 || (seen & bit) != 0)
			wp_json_fail(js, "quietHours: days, from and to, once "
					 "each and nothing else");
		seen |= bit;
	}
	if (seen != 7)
		wp_json_fail(js, "quietHours: days, from and to are expected");
	if (out->from_min == out->to_min)
		wp_json_fail(js, to_why);
}

static void read_hours(struct wp_json *js, struct wp_prefs *out)
{
	static const char why[] = "quietHours: a list of at most 14 objects";

	if (wp_json_peek(js) != WP_JSON_ARRAY)
		wp_json_fail(js, why);
	(void)wp_json_array_begin(js);
	while (wp_json_array_next(js)) {
		if (out->n_hours == WP_PREFS_HOURS_MAX ||
		    wp_json_peek(js) != WP_JSON_OBJECT) {
			wp_json_fail(js, why);
			return;
		}
		read_one_hours(js, &out->hours[out->n_hours++]);
	}
}

/* ---- the object ---- */

enum member {
	MUTE,
	MUTE_UNTIL,
	STANDARD,
	HIGH,
	BADGE,
	QUIET_HOURS,
	TIME_ZONE,
	BREAKS_QUIET,
	MEMBERS,
};

static const char *const member_names[MEMBERS] = {
	[MUTE] = "mute",          [MUTE_UNTIL] = "muteUntil",
	[STANDARD] = "standard",  [HIGH] = "high",
	[BADGE] = "badge",        [QUIET_HOURS] = "quietHours",
	[TIME_ZONE] = "timeZone", [BREAKS_QUIET] = "highBreaksQuiet",
};

static void read_member(struct wp_json *js, enum member which,
			struct wp_prefs *out)
{
	switch (which) {
	case MUTE:
		read_bool(js, &out->mute, "mute: true or false");
		break;
	case MUTE_UNTIL:
		read_until(js, &out->mute_until_ms);
		break;
	case STANDARD:
		read_band(js, &out->standard, "standard: all, badge or none");
		break;
	case HIGH:
		read_band(js, &out->high, "high: all, badge or none");
		break;
	case BADGE:
		read_bool(js, &out->badge, "badge: true or false");
		break;
	case QUIET_HOURS:
		read_hours(js, out);
		break;
	case TIME_ZONE:
		read_zone(js, out->zone);
		break;
	case BREAKS_QUIET:
		read_bool(js, &out->high_breaks_quiet,
			  "highBreaksQuiet: true or false");
		break;
	case MEMBERS:
		wp_json_fail(js, "only mute, muteUntil, standard, high, badge, "
				 "quietHours, timeZone and highBreaksQuiet are "
				 "expected");
		break;
	}
}

static void read_members(struct wp_json *js, struct wp_prefs *out)
{
	bool seen[MEMBERS + 1] = { false };
	struct wp_json_slice name;

	if (wp_json_peek(js) != WP_JSON_OBJECT)
		wp_json_fail(js, "an object is expected");
	(void)wp_json_object_begin(js);
	while (wp_json_object_next(js, &name)) {
		int which = 0;

		while (which < MEMBERS &&
		       !wp_json_slice_is(&name, member_names[which]))
			which++;
		if (seen[which])
			wp_json_fail(js, "each member may come once");
		seen[which] = true;
		read_member(js, (enum member)which, out);
	}
	(void)wp_json_end(js);
}

enum wp_err wp_prefs_read(struct wp_prefs *out, const char *json, size_t len,
			  struct wp_error *err)
{
	struct wp_json js;

	wp_prefs_init(out);
	if (len > WP_PREFS_BYTES_MAX)
		return wp_error_set(err, WP_ERR_INVAL,
				    "preferences of at most %d bytes are "
				    "expected",
				    (int)WP_PREFS_BYTES_MAX);
	wp_json_init(&js, json, len);
	read_members(&js, out);
	if (js.err != NULL)
		return wp_error_set(err, WP_ERR_INVAL, "%s", js.err);
	return WP_OK;
}

/* ---- writing ---- */

static void write_bool(struct wp_buf *out, enum member which, bool value)
{
	wp_buf_printf(out, ",\"%s\":%s", member_names[which],
		      value ? "true" : "false");
}

static void write_hours(struct wp_buf *out, const struct wp_prefs_hours *hours)
{
	const char *comma = "";

	wp_buf_add_str(out, "{\"days\":[");
	for (unsigned int day = 0; day < DAYS; day++) {
		if ((hours->days & 1U << day) == 0)
			continue;
		wp_buf_printf(out, "%s\"%s\"", comma, day_names[day]);
		comma = ",";
	}
	wp_buf_printf(out, "],\"from\":\"%02d:%02d\",\"to\":\"%02d:%02d\"}",
		      hours->from_min / HOUR_MIN, hours->from_min % HOUR_MIN,
		      hours->to_min / HOUR_MIN, hours->to_min % HOUR_MIN);
}

void wp_prefs_write(const struct wp_prefs *prefs, struct wp_buf *out)
{
	char until[WP_RFC3339_LEN];

	wp_buf_printf(out, "{\"%s\":%s", member_names[MUTE],
		      prefs->mute ? "true" : "false");
	wp_buf_printf(out, ",\"%s\":", member_names[MUTE_UNTIL]);
	if (prefs->mute_until_ms == 0) {
		wp_buf_add_str(out, "null");
	} else {
		wp_rfc3339(prefs->mute_until_ms, until);
		wp_buf_printf(out, "\"%s\"", until);
	}
	wp_buf_printf(out, ",\"%s\":\"%s\",\"%s\":\"%s\"",
		      member_names[STANDARD], band_names[prefs->standard],
		      member_names[HIGH], band_names[prefs->high]);
	write_bool(out, BADGE, prefs->badge);
	wp_buf_printf(out, ",\"%s\":[", member_names[QUIET_HOURS]);
	for (size_t i = 0; i < prefs->n_hours; i++) {
		if (i > 0)
			wp_buf_add_char(out, ',');
		write_hours(out, &prefs->hours[i]);
	}
	wp_buf_printf(out, "],\"%s\":\"%s\"", member_names[TIME_ZONE],
		      prefs->zone);
	write_bool(out, BREAKS_QUIET, prefs->high_breaks_quiet);
	wp_buf_add_char(out, '}');
}
