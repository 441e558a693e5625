/*
 * push.h - whom a push would reach: devices that were registered, and what
 * their users prefer; in the database of the cold store (store.h).
 *
 * What a provider is given (a token, a subscription) lies here sealed
 * (lib/auth/seal.h) and is found by an HMAC of it; the store has neither key.
 * Every backend passes tests/support/push_contract.c unchanged.
 *
 * Threads: as store.h says.
 */
#ifndef WP_LIB_STORE_PUSH_H
#define WP_LIB_STORE_PUSH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/name/urn.h"
#include "lib/store/store.h"

enum {
	WP_PUSH_ID_LEN = 16,
	WP_PUSH_TOK_LEN = 32,
	WP_PUSH_PRINT_LEN = 8,
	WP_PUSH_VAPID_LEN = 8,
	WP_PUSH_OWNER_LEN = 16,
	WP_PUSH_SHARERS_MAX = 4,  /* users of one token */
	WP_PUSH_PREFS_MAX = 4096, /* bytes */
	/* So long what has ended registers nothing. It is for requests that
	 * were let in before; none takes so long. */
	WP_PUSH_END_SECONDS = 3600,
	/* Of what a code must verify. */
	WP_PUSH_CODE_SECONDS = 3600, /* so long a code is good */
	WP_PUSH_CODE_TRIES = 5,      /* and for so many guesses */
	WP_PUSH_CODES_OF_TOKEN = 3,  /* letters to one address, a day */
	WP_PUSH_CODES_OF_USER = 10,  /* letters that one user causes, a day */
};

/* Numbers that are stored: they stay what they are. */
enum wp_push_state {
	WP_PUSH_ACTIVE = 0,
	WP_PUSH_SUSPECT = 1, /* its provider may have meant our settings */
	WP_PUSH_GONE = 2,    /* its provider said so; nothing of it is left */
	WP_PUSH_UNVERIFIED = 3, /* it may be anybody's: it is told nothing */
};
enum wp_push_result {
	WP_PUSH_NO_RESULT = 0,
	WP_PUSH_ACCEPTED = 1,
	WP_PUSH_FAILED = 2,
};
enum wp_push_flag {
	WP_PUSH_BADGE = 1,  /* the device shows how much waits */
	WP_PUSH_SHARED = 2, /* several users may have its token */
};

/* With whom a registration ends, as that is named when it is revoked
 * (lib/auth/revoked.h). Zero: nobody. */
struct wp_push_owner {
	uint8_t bytes[WP_PUSH_OWNER_LEN];
};
struct wp_push_owners {
	struct wp_push_owner session; /* or what a subject has without one */
	struct wp_push_owner subject;
	struct wp_push_owner user;
};

/* A device. Texts are borrowed, and "" where there is nothing to say. */
struct wp_push_row {
	uint8_t id[WP_PUSH_ID_LEN];       /* random; never used again */
	uint8_t tok[WP_PUSH_TOK_LEN];     /* HMAC of kind, app and token */
	uint8_t print[WP_PUSH_PRINT_LEN]; /* HMAC of all that is sealed */
	const struct wp_urn *user;
	const char *kind;
	const char *app;
	const char *device; /* the client's id of itself */
	const char *account;
	const char *name;
	const char *platform;
	const void *sealed; /* NULL of one that is gone */
	size_t sealed_len;
	/* Of the key that it was subscribed with; zero where there is none */
	uint8_t vapid[WP_PUSH_VAPID_LEN];
	unsigned int flags; /* enum wp_push_flag */
	/* The rest is not the client's to say. To register: ACTIVE, or
	 * UNVERIFIED where a code must show whose it is. */
	enum wp_push_state state;
	int64_t code_s;        /* when that code was made; 0: there is none */
	const char *reason;    /* of the state */
	int64_t registered_s;  /* another one: its token is another one */
	int64_t refreshed_day; /* since 1970 */
	int64_t marked_s;      /* since when it is in this state; 0: never */
	enum wp_push_result result; /* the last one */
	int64_t result_day;
};

struct wp_push_put {
	const struct wp_push_row *row; /* id to state, as they shall be */
	struct wp_push_owners owners;
	int64_t issued_s; /* the token of who asks; 0: not known */
	int64_t now_s;
	size_t max;     /* devices of one user, at least 1 */
	bool is_forced; /* also one that is gone */

	bool is_new;                /* out */
	bool wants_code;            /* out: it is not verified; a code is due */
	uint8_t id[WP_PUSH_ID_LEN]; /* out: row->id, or that of a known one */
};
/*
 * Register a device, in one transaction:
 *
 * 1. The user has the token already: what differs is written; if nothing does,
 *    once a day, and for a later token of who asks. It keeps its id. One that
 *    is gone is refused, or with is_forced active again.
 * 2. Others have the token: their devices go, unless both sides share it; of
 *    those that do, at most WP_PUSH_SHARERS_MAX stay.
 * 3. The user has another token for the same device id, kind and app: that one
 *    goes.
 * 4. A token that is not known is added.
 * 5. Of more than max of a user that goes which was refreshed longest ago, such
 *    as are gone first.
 *
 * One that a code must verify takes nothing away from anybody, so for it there
 * is neither 2 nor 3. Until it is verified each call asks for its code. There
 * is another one when the last has less than half of its time, or no try, left.
 *
 * Errors:  WP_ERR_CONFLICT  it is gone; nothing was written
 *          WP_ERR_FULL      too many codes were asked for today, for this
 *                           address or by this user; nothing was written
 *          WP_ERR_DENIED    an owner has ended (wp_push_end()), and the token
 *                           of who asks is from before; nothing was written
 *          WP_ERR_UNAVAIL   nothing is known of it; repeat it
 */
enum wp_err wp_push_put(struct wp_store *store, struct wp_push_put *put,
			struct wp_error *err) WP_MUST_USE;

/*
 * Devices of a user, the first registered first.
 *
 * on_row:  the row is borrowed for the call
 * Errors:  WP_ERR_UNAVAIL; then some rows may have been handed over
 */
struct wp_push_list {
	const struct wp_urn *user; /* borrowed */
	void (*on_row)(void *ctx, const struct wp_push_row *row);
	void *ctx;
};
enum wp_err wp_push_list(struct wp_store *store,
			 const struct wp_push_list *list,
			 struct wp_error *err) WP_MUST_USE;

/*
 * A code has come back; whether it is the one that was made at code_s is for
 * the caller to judge.
 *
 * Errors:  WP_ERR_DENIED   it is wrong, or there is none, or it is too old or
 *                          was guessed at too often
 *          WP_ERR_UNAVAIL  nothing is known of it; repeat it
 */
struct wp_push_verify {
	const struct wp_urn *user; /* borrowed */
	uint8_t id[WP_PUSH_ID_LEN];
	int64_t code_s; /* as the row has it */
	bool is_right;
	int64_t now_s;
};
enum wp_err wp_push_verify(struct wp_store *store,
			   const struct wp_push_verify *verify,
			   struct wp_error *err) WP_MUST_USE;

/* One device of a user, by its id, or by what it calls itself. */
struct wp_push_which {
	const struct wp_urn *user; /* borrowed; NULL: whoever has this id */
	const uint8_t *id;         /* WP_PUSH_ID_LEN bytes; NULL: by device */
	const char *device;        /* all of that name */
	const uint8_t *tok;        /* neither: of that token */
};
/* One that is not there is as good as removed. Errors: WP_ERR_UNAVAIL */
enum wp_err wp_push_remove(struct wp_store *store,
			   const struct wp_push_which *which,
			   struct wp_error *err) WP_MUST_USE;

/*
 * Sessions, subjects or users have ended: so have their registrations, of which
 * the token that wrote them is from before. Who was let in with such a token
 * registers nothing any more.
 *
 * ends:    n >= 0, none of them of nobody
 * Errors:  WP_ERR_UNAVAIL  repeat it
 */
struct wp_push_end {
	struct wp_push_owner owner;
	int64_t until_s; /* what was issued by then; INT64_MAX: all of it */
};
enum wp_err wp_push_end(struct wp_store *store, const struct wp_push_end *ends,
			size_t n, int64_t now_s,
			struct wp_error *err) WP_MUST_USE;

/*
 * Note what a provider has said of a token: a verdict counts for that one only,
 * and one that says the same again leaves the time of the first.
 * Of one that is gone all is erased that could be used, and it stays gone. One
 * that is not verified can only become so.
 *
 * Errors:  WP_ERR_STALE    the device has another token by now, is not there,
 *                          is gone, or not verified
 *          WP_ERR_UNAVAIL
 */
struct wp_push_mark {
	uint8_t id[WP_PUSH_ID_LEN];
	int64_t registered_s; /* when that token was */
	enum wp_push_state state;
	const char *reason;
	int64_t now_s;
};
enum wp_err wp_push_mark(struct wp_store *store,
			 const struct wp_push_mark *mark,
			 struct wp_error *err) WP_MUST_USE;

/*
 * Note what became of pushes, in one transaction. The same result of the same
 * day is written once.
 *
 * Errors:  WP_ERR_UNAVAIL
 */
struct wp_push_outcome {
	uint8_t id[WP_PUSH_ID_LEN];
	enum wp_push_result result;
	int64_t day;
};
enum wp_err wp_push_results(struct wp_store *store,
			    const struct wp_push_outcome *outcomes, size_t n,
			    struct wp_error *err) WP_MUST_USE;

/*
 * Delete devices that nobody has refreshed, or that have been gone, for too
 * long.
 *
 * deleted:  out: max when there may be more
 * Errors:   WP_ERR_UNAVAIL
 */
struct wp_push_expire {
	int64_t refreshed_before_day;
	int64_t gone_before_s;
	int64_t max;
	int64_t deleted;     /* out */
	int64_t unrefreshed; /* out: of these */
};
enum wp_err wp_push_expire(struct wp_store *store,
			   struct wp_push_expire *expire,
			   struct wp_error *err) WP_MUST_USE;

/*
 * What a user prefers, as whoever wrote it wrote it.
 *
 * out:     gets the text, appended
 * Errors:  WP_ERR_NOTFOUND  nothing was ever put; err is left alone
 *          WP_ERR_UNAVAIL
 */
enum wp_err wp_push_prefs(struct wp_store *store, const struct wp_urn *user,
			  struct wp_buf *out, struct wp_error *err) WP_MUST_USE;
/* len: at most WP_PUSH_PREFS_MAX. Errors: WP_ERR_UNAVAIL */
enum wp_err wp_push_prefs_put(struct wp_store *store, const struct wp_urn *user,
			      const char *json, size_t len, int64_t now_s,
			      struct wp_error *err) WP_MUST_USE;

#endif /* WP_LIB_STORE_PUSH_H */
