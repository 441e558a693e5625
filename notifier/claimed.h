/*
 * claimed.h - a copy of what Redis said of a box when it was claimed, which
 * outlives the answer.
 */
#ifndef WP_NOTIFIER_CLAIMED_H
#define WP_NOTIFIER_CLAIMED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/mailbox/push.h"
#include "lib/name/box.h"
#include "lib/name/msgid.h"
#include "notifier/plan/told.h"

enum { WP_MEMORY_NAME_MAX = 40 };

/* When and how it was claimed. */
struct wp_claim {
	char text[WP_PUSH_CLAIM_MAX + 1];
	int64_t redis_ms;  /* by Redis' clock */
	uint64_t asked_ms; /* by ours, before Redis was asked */
	int64_t ms;        /* how long it lasts */
};

/* What is remembered of a device, which may be gone meanwhile. */
struct wp_memory {
	char field[WP_MEMORY_NAME_MAX]; /* "d:<id>" */
	struct wp_told told;
};

/* All zero is nothing; end with wp_claimed_release(). */
struct wp_claimed {
	struct wp_claim claim;
	struct wp_box box;
	enum wp_push_what what;
	struct wp_entry_id want;
	int64_t waiting;
	bool is_high;
	bool is_online;
	bool is_shown;      /* devices may show that something waits */
	int64_t seen_ms;    /* of the last disconnect; 0: not known */
	int64_t touched_ms; /* of the last ack; 0: not known */
	char once[WP_PUSH_ONCE_MAX + 1];
	char *resumed; /* owned; apps (wp_claimed_is_resumed()), or NULL */
	struct wp_memory *memories; /* owned */
	size_t n_memories;
	char **devices; /* owned; ids of those of open connections */
	size_t n_devices;
};

/*
 * box:      borrowed
 * Returns:  false when memory is exhausted; to be released all the same
 */
bool wp_claimed_copy(struct wp_claimed *out, const struct wp_push_box *box,
		     const struct wp_claim *claim) WP_MUST_USE;
void wp_claimed_release(struct wp_claimed *claimed);

/* How long ago it was claimed, or a little longer. */
int64_t wp_claimed_age_ms(const struct wp_claimed *claimed);
/* Redis' clock, as far as ours has gone alike since then. */
int64_t wp_claimed_now_ms(const struct wp_claimed *claimed);

/* What is remembered in this field; NULL: nothing. Borrowed. */
const struct wp_memory *wp_claimed_memory(const struct wp_claimed *claimed,
					  const char *field);

/* Has the device of this name ("": none) a connection? */
bool wp_claimed_has(const struct wp_claimed *claimed, const char *device);

/* Has an operator said that all is well with this app, and nobody of its
 * devices was tried since? (lib/mailbox/push_forward.h) */
bool wp_claimed_is_resumed(const struct wp_claimed *claimed, const char *app);

#endif /* WP_NOTIFIER_CLAIMED_H */
