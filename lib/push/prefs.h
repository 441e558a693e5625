/*
 * prefs.h - what a user wants to be told, and when: the object that PUT
 * /api/push/preferences takes, the store keeps and the notifier obeys.
 */
#ifndef WP_LIB_PUSH_PREFS_H
#define WP_LIB_PUSH_PREFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/err.h"

enum {
	WP_PREFS_BYTES_MAX = 8192, /* of an object that is read, or written */
	WP_PREFS_HOURS_MAX = 14,
	WP_PREFS_ZONE_MAX = 64,
	WP_PREFS_DAY_MIN = 24 * 60,
};

/* What messages of a band do. */
enum wp_prefs_band { WP_PREFS_ALL, WP_PREFS_BADGE, WP_PREFS_NONE };

/* Hours in which nothing is to make a sound, by the clock of the zone. */
struct wp_prefs_hours {
	uint8_t days;      /* on which they begin; bit 0 is Monday */
	uint16_t from_min; /* after midnight, 0 to 1439 */
	uint16_t to_min;   /* 0 to 1440; before from_min: of the next day */
};

/* Plain data: may be copied. */
struct wp_prefs {
	bool mute;
	int64_t mute_until_ms; /* since 1970; 0: not said */
	enum wp_prefs_band standard;
	enum wp_prefs_band high;
	bool badge;
	bool high_breaks_quiet;
	size_t n_hours;
	struct wp_prefs_hours hours[WP_PREFS_HOURS_MAX];
	char zone[WP_PREFS_ZONE_MAX + 1]; /* "Europe/Berlin" */
};

/* What holds for who has said nothing. */
void wp_prefs_init(struct wp_prefs *out);

/*
 * Read the JSON of a whole object, which may come from anybody; what it does
 * not name is as wp_prefs_init() says.
 *
 * Errors:  WP_ERR_INVAL  err->msg names the member and what is expected of it,
 *                        and repeats nothing; *out is of no use
 */
enum wp_err wp_prefs_read(struct wp_prefs *out, const char *json, size_t len,
			  struct wp_error *err) WP_MUST_USE;

/* Append them as JSON with every member, which wp_prefs_read() reads. */
void wp_prefs_write(const struct wp_prefs *prefs, struct wp_buf *out);

#endif /* WP_LIB_PUSH_PREFS_H */
