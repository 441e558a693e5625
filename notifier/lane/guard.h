/*
 * guard.h - is it a device that is dead, or are our settings wrong? A wrong
 * topic or environment makes every token look bad, and none may be dropped for
 * that. One for each app. Pure: the time is told, and only rises.
 */
#ifndef WP_NOTIFIER_GUARD_H
#define WP_NOTIFIER_GUARD_H

#include <stdbool.h>
#include <stdint.h>

#include "notifier/provider/verdict.h"

enum {
	WP_GUARD_MINUTES = 10, /* that count */
	WP_GUARD_LEAST = 20,   /* suspects among them, and */
	WP_GUARD_PERCENT = 30, /* more than so many of all: it is on */
	WP_GUARD_CALM = 10,    /* fewer than so many of all: it is off again */
	WP_GUARD_AGE_S = 3600, /* since a device was suspected first */
	WP_GUARD_ACCEPTED = 3, /* so many of others were accepted since then */
	WP_GUARD_USERS = 64,   /* who had suspects and are remembered */
};

/* Begins all zero, and off. Only is_on is for others to read. */
struct wp_guard {
	bool is_on;
	int64_t on_s; /* since when */
	struct {
		int64_t minute;
		uint32_t all, suspect;
	} minutes[WP_GUARD_MINUTES];
	struct {
		int64_t minute;
		uint64_t user;
	} users[WP_GUARD_USERS]; /* whose suspect counted; a ring */
	size_t at;
	int64_t accepted_s[WP_GUARD_ACCEPTED]; /* the last ones, oldest first */
};

/*
 * A push of this app came to that.
 *
 * user:   of the device; any number that others hardly have. In these minutes
 *         one suspect of a user counts: he may register as many tokens as he
 *         likes, and try them as often
 * now_s:  wall clock, since 1970
 */
void wp_guard_note(struct wp_guard *guard, enum wp_verdict verdict,
		   uint64_t user, int64_t now_s);

/*
 * A device is SUSPECT, and was before, since suspect_s. Is it dead?
 */
bool wp_guard_may_drop(const struct wp_guard *guard, int64_t suspect_s,
		       int64_t now_s);

/* The operator says that all is well. */
void wp_guard_resume(struct wp_guard *guard);

#endif /* WP_NOTIFIER_GUARD_H */
