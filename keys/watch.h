/*
 * watch.h - one foreign issuer: what to ask it next, and what its answers mean.
 *
 * Knows documents, key sets and times. Knows no socket and no file: who owns it
 * fetches what wp_watch_ask() says, hands the answer to wp_watch_take(), and so
 * on until that says that it is over; then writes wp_watch_text() or does not,
 * and says wp_watch_end().
 */
#ifndef WP_KEYS_WATCH_H
#define WP_KEYS_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "keys/discover.h"
#include "keys/document.h"
#include "keys/schedule.h"
#include "lib/auth/key_file.h"
#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/sys/issuers.h"

/* So long it is believed where the keys are, unless they cannot be had. */
enum { WP_WATCH_DISCOVERY_MS = 3600 * 1000 };

/* What became of a fetch. */
enum wp_watch_result {
	WP_WATCH_FETCHED,
	WP_WATCH_UNCHANGED, /* the keys are those that we have */
	WP_WATCH_UNREACHABLE,
	WP_WATCH_UNTRUSTED,
	WP_WATCH_FORBIDDEN,
	WP_WATCH_STATUS, /* another status than 200 */
	WP_WATCH_MALFORMED,
	WP_WATCH_NO_KEY, /* a key set without any that is of use */
	WP_WATCH_UNWRITTEN,
};

struct wp_watch {
	const struct wp_issuer *issuer; /* borrowed */
	bool is_local;                  /* local mode */
	char id[WP_ISSUER_ID_LEN + 1];
	struct wp_schedule schedule;
	struct wp_discover where;
	enum { WP_ASK_OPENID, WP_ASK_OAUTH, WP_ASK_KEYS } step;
	/* Where the keys are; "" while that is not known. */
	char jwks_url[WP_URL_MAX + 1];
	uint64_t discovered_ms;
	unsigned int reach; /* where that URL may lead */
	/* What we have, and may go on to have: of the last good answer. */
	struct wp_buf keys; /* a JSON array; empty: nothing */
	size_t n_keys;
	size_t n_private; /* keys that gave their secret away */
	bool is_new;      /* they are others than before */
	char keys_url[WP_URL_MAX + 1];
	char etag[WP_DOCUMENT_ETAG_MAX + 1];
	int64_t max_age_s;
	bool is_failing;
};

/*
 * The caller sets up w->schedule.
 *
 * Ownership:  w is the caller's, end with wp_watch_release(), also on error;
 *             issuer is borrowed until then
 * Errors:     WP_ERR_INVAL  its text is no URL
 */
enum wp_err wp_watch_init(struct wp_watch *w, const struct wp_issuer *issuer,
			  bool is_local, struct wp_error *err) WP_MUST_USE;
void wp_watch_release(struct wp_watch *w);

/* Begin with what an earlier life has written; a file of another issuer is
 * none. wall_ms: now */
void wp_watch_know(struct wp_watch *w, const struct wp_key_file *file,
		   int64_t wall_ms, uint64_t now_ms);

/* It is due: begin. What to ask for is known then. */
void wp_watch_begin(struct wp_watch *w, uint64_t now_ms);

/* The next thing to fetch. Borrowed until the next call for w. */
void wp_watch_ask(const struct wp_watch *w, struct wp_document_ask *out);

/*
 * Judge an answer.
 *
 * Returns:  true: wp_watch_ask() says what to fetch now. false: it is over;
 *           *result_out says how, and err why when that is a failure
 */
bool wp_watch_take(struct wp_watch *w, const struct wp_document *document,
		   uint64_t now_ms, enum wp_watch_result *result_out,
		   struct wp_error *err);

/* Did that give keys that are now to be written? */
bool wp_watch_is_good(enum wp_watch_result result);

/* Append what the file of the issuer is to hold: fetched at wall_ms. */
void wp_watch_text(const struct wp_watch *w, int64_t wall_ms,
		   struct wp_buf *out);

/* It is over: when is the next one? */
void wp_watch_end(struct wp_watch *w, enum wp_watch_result result,
		  uint64_t now_ms);

#endif /* WP_KEYS_WATCH_H */
