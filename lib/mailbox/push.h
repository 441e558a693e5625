/*
 * push.h - telling people who are away that something waits
 * (docs/architecture.md "Push"): what scripts that find such a message are told
 * of pushes, and calls and answers by which a notifier looks where somebody is
 * due, takes who is to be told, looks again before a late request, and says
 * what became of it.
 *
 * A notifier names each claim by a text that it never uses again, so that an
 * answer of before is known by it. But for the first look, a call is of one
 * partition.
 */
#ifndef WP_LIB_MAILBOX_PUSH_H
#define WP_LIB_MAILBOX_PUSH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/name/box.h"
#include "lib/name/msgid.h"
#include "lib/redis/cmd.h"
#include "lib/redis/reply.h"
#include "lib/sys/conf.h"

/* Announced notifiers, by workers.lua. */
#define WP_NOTIFIERS_KEY "wp:notifiers"

enum {
	WP_NOTIFIERS_TTL_MS = 5000, /* who is silent for so long is dead */
	WP_PUSH_LOOK_MAX = 256,     /* partitions of a call */
	WP_PUSH_TAKE_MAX = 32,      /* boxes of a call */
	WP_PUSH_CLAIM_MAX = 63,
	WP_PUSH_ONCE_MAX = 63,
};

/*
 * Append what a script that finds messages of people who are away is to know:
 * whether anybody wants to tell them, and when.
 */
void wp_push_add(struct wp_cmd *cmd, const struct wp_conf *conf);

/*
 * Announce notifier (or leave); the answer is an array of their ids, sorted.
 *
 * ttl_ms:  for how long it counts, unless it announces itself again
 */
void wp_push_announce_build(struct wp_cmd *cmd, const char *notifier,
			    int64_t ttl_ms, bool is_leaving);

/* ---- taking ---- */

/*
 * Ask in which of n partitions somebody is due, so that only they are asked
 * for him; 1 to WP_PUSH_LOOK_MAX.
 *
 * Source: redis.io ZCOUNT, O(log N)
 */
void wp_push_look_build(struct wp_cmd *cmd, const uint32_t *partitions,
			size_t n);
/*
 * Errors:  WP_ERR_UNAVAIL  no or an unusable answer to a look at n
 *
 * is_due:  of each, in the order in which they were asked for
 */
enum wp_err wp_push_look_parse(const struct wp_reply *reply, size_t n,
			       bool *is_due) WP_MUST_USE;

struct wp_push_take {
	uint32_t partition;
	const char *run_id; /* of the Redis that is asked */
	/* Of this call alone, 1 to WP_PUSH_CLAIM_MAX bytes. A call that is
	 * repeated because its outcome is not known needs another. */
	const char *claim;
	int64_t claim_ms; /* > 0; others may claim the boxes then */
	int64_t max;      /* 1 to WP_PUSH_TAKE_MAX boxes */
};
void wp_push_take_build(struct wp_cmd *cmd, const struct wp_conf *conf,
			const struct wp_push_take *take);

struct wp_push_taken {
	int64_t now_ms; /* by Redis' clock, when they were claimed */
	int64_t lapsed; /* claims of before that nobody has answered */
	size_t n;       /* boxes, read with wp_push_taken_box() */
};
/*
 * Errors:  WP_ERR_STALE    the partition is not reconciled: nothing is known
 *          WP_ERR_UNAVAIL  no or an unusable answer; what was claimed lapses
 */
enum wp_err wp_push_take_parse(const struct wp_reply *reply,
			       struct wp_push_taken *out) WP_MUST_USE;

enum wp_push_what {
	WP_PUSH_TELL,  /* something above what all devices know */
	WP_PUSH_CLEAR, /* nothing waits, and devices may show that it does */
	WP_PUSH_ONCE,  /* neither, only what field "once" asks for */
};

/* A mailbox that was claimed. Borrowed from the reply, but for box. */
struct wp_push_box {
	struct wp_box box;
	enum wp_push_what what;
	struct wp_entry_id want; /* the highest that it is about; 0-0: none */
	int64_t waiting;         /* messages, about; 0 only when none do */
	bool is_high;            /* something of the high band is among them */
	int64_t connections;     /* that are open */
	int64_t seen_s; /* of the last disconnect, since 1970; 0 unknown */
	const struct wp_reply *devices; /* of connections, as far as known */
	const struct wp_reply *fields;  /* name, value, … of pushed:<box> */
};
/*
 * Box i < n of an answer that was parsed.
 *
 * partition:  that was asked
 * Errors:     WP_ERR_PROTO  this one is not what the script answers; its claim
 *                           lapses
 */
enum wp_err wp_push_taken_box(const struct wp_reply *reply, size_t i,
			      uint32_t partition,
			      struct wp_push_box *out) WP_MUST_USE;
/* The text of a field, borrowed; NULL when the box has none of that name. */
const char *wp_push_field(const struct wp_push_box *box, const char *name);

/* ---- before a late request ---- */

void wp_push_check_build(struct wp_cmd *cmd, const char *run_id,
			 const struct wp_box *box, const char *claim);
struct wp_push_checked {
	bool is_ours; /* else nothing is to be sent */
	int64_t waiting;
	struct wp_entry_id want;
};
/* Errors:  WP_ERR_UNAVAIL  no or an unusable answer: nothing is to be sent */
enum wp_err wp_push_check_parse(const struct wp_reply *reply,
				struct wp_push_checked *out) WP_MUST_USE;

/* ---- what became of it ---- */

enum wp_push_next {
	WP_PUSH_TOLD,  /* all devices know up to want; no need to look again */
	WP_PUSH_LATER, /* at next_ms */
	WP_PUSH_DROP,  /* its user has no device, as was seen behind the claim:
			* nobody is asked to tell him before one is registered,
			* or an hour has passed */
};
struct wp_push_field {
	const char *name;
	const char *value; /* "" removes it */
};
struct wp_push_done {
	const struct wp_box *box;
	const char *claim;
	struct wp_entry_id want; /* of the box that was taken */
	enum wp_push_next next;
	int64_t next_ms;  /* by Redis' clock; only for WP_PUSH_LATER */
	const char *once; /* field "once" of the claim; "": there was none */
	/* WP_PUSH_LATER only. What once asks for is not done yet, */
	bool once_waits;
	/* or the clearing that it was claimed for (WP_PUSH_CLEAR). */
	bool clear_waits;
	/* Of pushed:<box>, none for WP_PUSH_DROP. Those that scripts keep (id,
	 * claim, busy, woken, once, touched) are not for notifiers to write. */
	const struct wp_push_field *fields;
	size_t n;
};
/*
 * May be repeated. wp_script_done(): WP_ERR_STALE when another claim was made
 * since, and nothing was written.
 */
void wp_push_done_build(struct wp_cmd *cmd, const struct wp_push_done *done);

/*
 * Look at a box now: what its user wants to be told has changed. With once
 * also if it has no entry: something is to be done whatever waits.
 *
 * once:  up to WP_PUSH_ONCE_MAX bytes, or ""
 * The answer is for wp_script_done().
 */
void wp_push_wake_build(struct wp_cmd *cmd, const struct wp_box *box,
			const char *once);

/*
 * Have a box's user told of what waits, if he was not because he had no device:
 * one was registered, and is in the store by now. Also where nobody tells
 * anybody, for that may change.
 *
 * is_new:  it was not known before: it is told as well of what others know
 *
 * The answer is for wp_script_done(); when there is none, he may not be told of
 * anything for an hour: it must be repeated.
 */
void wp_push_registered_build(struct wp_cmd *cmd, const struct wp_conf *conf,
			      const struct wp_box *box, bool is_new);

/*
 * A once: a push to the device of this id (its text), whatever waits, so that
 * its user sees whether it comes.
 */
void wp_push_once_test(char out[WP_PUSH_ONCE_MAX + 1], const char *device);
/* A once: to the device of this id, the code by which it is verified. */
void wp_push_once_code(char out[WP_PUSH_ONCE_MAX + 1], const char *device);

#endif /* WP_LIB_MAILBOX_PUSH_H */
