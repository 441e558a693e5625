/*
 * lookup.h - whom a push would reach, and what he wants to be told: questions
 * to the store, many in one job of its thread.
 *
 * What providers are to be given is opened there as well (lib/auth/push_keys.h)
 * when somebody is really asked. What does not open was sealed under another
 * auth.store_secret: it is no target, and stays until it expires. Whoever sees
 * to it that the secret is right again has lost nobody, and whoever means the
 * new one has every device come again by itself.
 *
 * Threads: the loop's. While a question is asked its memory is the store
 * thread's, but for its owner's own members.
 */
#ifndef WP_NOTIFIER_LOOKUP_H
#define WP_NOTIFIER_LOOKUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/auth/push_keys.h"
#include "lib/base/arena.h"
#include "lib/base/err.h"
#include "lib/live/store_thread.h"
#include "lib/name/urn.h"
#include "lib/push/kind.h"
#include "lib/push/prefs.h"
#include "lib/store/push.h"
#include "notifier/provider/provider.h"

enum {
	WP_LOOKUPS_AT_ONCE = 64, /* in a job */
	WP_TARGET_NAME_LEN = 22, /* base64url of an id */
};

/* A device that could be told, as the store has it, or a service (service.h),
 * of which it has nothing. Texts are the lookup's. */
struct wp_target {
	uint8_t id[WP_PUSH_ID_LEN];
	/* The id as text, or wp_service_name() */
	char name[WP_TARGET_NAME_LEN + 1];
	const struct wp_urn *user; /* borrowed from the lookup */
	enum wp_push_kind kind;
	const char *app;    /* "": none */
	const char *device; /* the client's id of itself, or "" */
	unsigned int flags; /* enum wp_push_flag */
	int64_t registered_s;
	enum wp_push_state state;
	int64_t marked_s;           /* since when it is in this state */
	enum wp_push_result result; /* the last one */
	int64_t result_day;
	uint8_t vapid[WP_PUSH_VAPID_LEN]; /* of the key it subscribed with */
	/* How its provider knows it, when it was opened, else NULL; name and
	 * is_ours are left to who begins an attempt. */
	const struct wp_addressee *to;
};

/* Embedded in its owner, who is given to done(). */
struct wp_lookup {
	struct wp_urn user; /* in, and so is */
	uint32_t partition; /* that of its mailbox */
	/* in: what the claim's "once" asks for, borrowed. A device that is not
	 * verified is found only if that is its code. */
	const char *once;
	/* out: WP_OK, or why nothing is known */
	enum wp_err result;
	struct wp_target *targets; /* owned; those that can be told */
	size_t n;
	struct wp_prefs prefs;
	struct wp_arena texts; /* secret */

	struct wp_lookup *next; /* the rest is private */
};

struct wp_lookups;

struct wp_lookups_setup {
	struct wp_store_thread *store;   /* borrowed */
	const struct wp_push_keys *keys; /* borrowed */
	/* Each one, once; also when the thread is stopped. */
	void (*on_found)(void *ctx, struct wp_lookup *lookup);
	/* Of a job all were told; result: what became of the job */
	void (*on_job)(void *ctx, enum wp_err result);
	void *ctx;
};

/* Errors: WP_ERR_NOMEM */
enum wp_err wp_lookups_new(struct wp_lookups **out,
			   const struct wp_lookups_setup *setup,
			   struct wp_error *err) WP_MUST_USE;
/* After wp_store_thread_stop(). NULL-safe. */
void wp_lookups_free(struct wp_lookups **lookups);

/* What the next jobs do. At first nothing of it. */
struct wp_lookups_how {
	bool opens;     /* what is sealed */
	bool has_bus;   /* it is a target of everybody's */
	bool has_event; /* the same */
};
void wp_lookups_use(struct wp_lookups *lookups,
		    const struct wp_lookups_how *how);

/* Ask, with the next wp_lookups_go(). */
void wp_lookups_add(struct wp_lookups *lookups, struct wp_lookup *lookup);
/*
 * Take one back that was added; false when the thread has it: then on_found
 * will be told.
 */
bool wp_lookups_remove(struct wp_lookups *lookups, struct wp_lookup *lookup);
/* Hand what was added to the thread; what finds no room goes with the next. */
void wp_lookups_go(struct wp_lookups *lookups);

/* Hand nothing to the thread any more: it is about to be stopped. */
void wp_lookups_end(struct wp_lookups *lookups);

/* Free what was found, and wipe what was opened. */
void wp_lookup_release(struct wp_lookup *lookup);

#endif /* WP_NOTIFIER_LOOKUP_H */
