/* guard.c - ten minutes of outcomes. */
#include "notifier/lane/guard.h"

#include <stddef.h>
#include <string.h>

enum { MINUTE_S = 60 };

struct sum {
	uint64_t all, suspect;
};

static struct sum sum_of(const struct wp_guard *guard, int64_t minute)
{
	struct sum sum = { 0 };

	for (size_t i = 0; i < WP_GUARD_MINUTES; i++) {
		if (guard->minutes[i].minute <= minute - WP_GUARD_MINUTES)
			continue;
		sum.all += guard->minutes[i].all;
		sum.suspect += guard->minutes[i].suspect;
	}
	return sum;
}

/* Has a suspect of his counted already? If not, one does now. */
static bool is_known(struct wp_guard *guard, uint64_t user, int64_t minute)
{
	for (size_t i = 0; i < WP_GUARD_USERS; i++)
		if (guard->users[i].user == user &&
		    guard->users[i].minute > minute - WP_GUARD_MINUTES)
			return true;
	guard->users[guard->at].user = user;
	guard->users[guard->at].minute = minute;
	guard->at = (guard->at + 1) % WP_GUARD_USERS;
	return false;
}

static void count(struct wp_guard *guard, bool is_suspect, int64_t minute)
{
	size_t i = (size_t)(minute % WP_GUARD_MINUTES);

	if (guard->minutes[i].minute != minute) {
		guard->minutes[i].minute = minute;
		guard->minutes[i].all = 0;
		guard->minutes[i].suspect = 0;
	}
	guard->minutes[i].all++;
	guard->minutes[i].suspect += is_suspect;
}

void wp_guard_note(struct wp_guard *guard, enum wp_verdict verdict,
		   uint64_t user, int64_t now_s)
{
	int64_t minute = now_s / MINUTE_S;
	struct sum sum;

	if (verdict == WP_VERDICT_ACCEPTED) {
		memmove(guard->accepted_s, guard->accepted_s + 1,
			sizeof(guard->accepted_s) -
				sizeof(guard->accepted_s[0]));
		guard->accepted_s[WP_GUARD_ACCEPTED - 1] = now_s;
	}
	if (verdict != WP_VERDICT_SUSPECT)
		count(guard, false, minute);
	else if (!is_known(guard, user, minute))
		count(guard, true, minute);
	sum = sum_of(guard, minute);
	if (!guard->is_on) {
		guard->is_on = sum.suspect >= WP_GUARD_LEAST &&
			       sum.suspect * 100 > sum.all * WP_GUARD_PERCENT;
		guard->on_s = now_s;
		return;
	}
	if (sum.suspect * 100 >= sum.all * WP_GUARD_CALM)
		guard->on_s = now_s;
	else if (now_s - guard->on_s >= (int64_t)WP_GUARD_MINUTES * MINUTE_S)
		guard->is_on = false;
}

bool wp_guard_may_drop(const struct wp_guard *guard, int64_t suspect_s,
		       int64_t now_s)
{
	return !guard->is_on && now_s - suspect_s >= WP_GUARD_AGE_S &&
	       guard->accepted_s[0] >= suspect_s;
}

void wp_guard_resume(struct wp_guard *guard)
{
	*guard = (struct wp_guard){ .is_on = false };
}
