/*
 * ask.h - ask a provider over HTTP: build a request, send it, judge the answer,
 * and once again if that said so. What differs between kinds is a wp_ask_way.
 *
 * Threads: the loop's.
 */
#ifndef WP_NOTIFIER_ASK_H
#define WP_NOTIFIER_ASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/push/rates.h"
#include "lib/sys/conf.h"
#include "notifier/provider/kind.h"
#include "notifier/provider/provider.h"
#include "notifier/provider/verdict.h"

enum {
	WP_ASK_CONNECT_PARTS =
		3, /* of the time of a request, that to connect */
	WP_ASK_ANSWER_MAX = 4096, /* bytes; what is longer is cut */
	WP_ASK_CONNECTIONS_MAX = 100,
};

struct wp_asker;

/* An attempt under way; note and next_waiting are the way's to write. */
struct wp_ask {
	const struct wp_attempt *attempt;
	bool is_repeat;      /* of one that was AGAIN */
	unsigned int remedy; /* what that one asked for; enum wp_remedy */
	/* 0 at first; what a request was built with, for judging its answer */
	int64_t note;
	struct wp_ask *next_waiting; /* of those that wait in prepare() */
};

/* The functions of a kind; ctx is its provider. */
struct wp_ask_way {
	/*
	 * See to it that a request can be built, then say wp_ask_go() or
	 * wp_ask_end(), once, now or later; later ones are the way's to say
	 * in time (wp_ask_is_late()). NULL: it always can be.
	 */
	void (*prepare)(void *ctx, struct wp_ask *ask);
	/*
	 * call:    initialised, and empty
	 * Errors:  WP_ERR_INVAL  of this device none can be built: REFUSED
	 *          WP_ERR_NOMEM  AGAIN
	 */
	enum wp_err (*build)(void *ctx, struct wp_ask *ask,
			     struct wp_call *call, struct wp_error *err);
	void (*judge)(void *ctx, const struct wp_ask *ask,
		      const struct wp_provider_answer *answer,
		      struct wp_judgement *out);
	/* Before it is judged to be asked again, and whenever a judgement has
	 * a remedy. NULL: judgements never have one. */
	void (*remedy)(void *ctx, const struct wp_ask *ask,
		       unsigned int remedy);
	/* The host is a stranger's: it may only be at a public address, or in
	 * push.allow_networks. */
	bool is_guarded;
};

struct wp_asker_setup {
	const struct wp_provider_setup *provider; /* only during the call */
	const struct wp_ask_way *way;             /* static */
	void *ctx;
	uint32_t connections; /* to one host, at least 1 */
};

/*
 * As the settings say that providers are asked. Texts are those of conf; the
 * rest is as in wp_transfer_rules.
 */
struct wp_transfer_rules wp_ask_rules(const struct wp_conf *conf,
				      size_t body_max, uint32_t connections);

/*
 * Of a host that may speak HTTP/1.1 alone: as many as it is asked at once
 * (push.rates), for what waits for a connection has its time run out.
 */
uint32_t wp_ask_connections(const struct wp_conf *conf, enum wp_push_lane lane);

/*
 * With connections of its own, to which push.proxy, push.ca_file and
 * push.allow_networks apply; nothing of the settings is kept.
 *
 * Ownership:  end with wp_asker_free()
 * Errors:     WP_ERR_NOMEM
 */
enum wp_err wp_asker_new(struct wp_asker **out,
			 const struct wp_asker_setup *setup,
			 struct wp_error *err) WP_MUST_USE;
/* Ends what is under way; nobody is told. NULL-safe. */
void wp_asker_free(struct wp_asker **asker);

/* As begin of struct wp_provider_type. */
enum wp_err wp_asker_begin(struct wp_asker *asker,
			   const struct wp_attempt *attempt,
			   wp_attempt_fn on_end, void *ctx,
			   struct wp_error *err) WP_MUST_USE;

/*
 * Use other connections from now on (WP_REMEDY_CONNECTION): as
 * wp_fetch_renew().
 */
void wp_asker_renew(struct wp_asker *asker);

/* ---- in prepare() and behind it ---- */

/* Its time is over: it should be ended as AGAIN. */
bool wp_ask_is_late(const struct wp_ask *ask);
/* It can be built. Not within the call of another one's on_end. */
void wp_ask_go(struct wp_ask *ask);
/* It comes to this, without having been sent. */
void wp_ask_end(struct wp_ask *ask, const struct wp_judgement *judgement);

#endif /* WP_NOTIFIER_ASK_H */
