/*
 * provider.h - a way to tell devices, as who decides sees it: it is given a
 * push for a device and says once what came of it. Each kind and app has one;
 * of kinds that go to hosts of strangers one for all of them.
 *
 * Threads: the loop's.
 */
#ifndef WP_NOTIFIER_PROVIDER_H
#define WP_NOTIFIER_PROVIDER_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/auth/ece.h"
#include "lib/auth/push_keys.h"
#include "lib/base/err.h"
#include "lib/bus/redis.h"
#include "lib/push/kind.h"
#include "lib/sys/conf.h"
#include "notifier/provider/kind.h"
#include "notifier/provider/verdict.h"

struct ev_loop;
struct wp_bearers;

/*
 * A device as its provider knows it. Secret: who opened it wipes it. Texts are
 * borrowed, and "" where there is nothing to say.
 */
struct wp_addressee {
	enum wp_push_kind kind;
	const char *app;     /* "" of kinds that have none */
	const char *name;    /* its id as text, the "token id" of a push */
	const char *account; /* as it was registered with */
	bool is_ios;
	bool has_badge;
	const char *token;    /* fcm, apns; e-mail: the address */
	const char *code;     /* e-mail: what verifies it, and nothing else, is
			       * to be brought */
	const char *endpoint; /* webpush, unifiedpush, webhook */
	const char *host;     /* of the endpoint, in small letters, with a port
			       * that is not 443 */
	struct wp_ece_receiver receiver; /* webpush, unifiedpush */
	bool is_ours; /* it was subscribed with the VAPID key of today */
	uint8_t webhook_secret[WP_PUSH_SECRET_LEN]; /* webhook */
	const char *user; /* its user's URN; for webhook, e-mail and what is no
			   * device */
	const char *platforms; /* event: of the user's devices, a JSON array */
	int64_t registered_s;
};

/* One push to one device. Borrowed until its end. */
struct wp_attempt {
	const struct wp_push *push;
	const struct wp_addressee *to;
	bool is_high; /* something of the high band waits */
	/* From what it is about to now; 0 where there is nothing. */
	int64_t delay_ms;
	/* By wp_mono_ms(): nothing begins behind it, no repeat either. */
	uint64_t good_until_ms;
};

/*
 * WP_VERDICT_AGAIN here means that it was not settled in time, or could not be
 * begun: nothing was asked, and it counts for nothing.
 */
typedef void (*wp_attempt_fn)(void *ctx, const struct wp_judgement *judgement);

struct wp_provider;

struct wp_provider_type {
	/* For so long it can send nothing, whatever it is given. 0: now. NULL:
	 * it always can. */
	uint64_t (*wait_ms)(const struct wp_provider *provider,
			    uint64_t now_ms);
	/*
	 * on_end is told once, from the loop and never within the call. What
	 * the provider needs first (a token of its own) it waits for, as long
	 * as the attempt is good.
	 *
	 * Errors:  WP_ERR_NOMEM; WP_ERR_UNAVAIL, WP_ERR_FULL of what asks
	 *          Redis. Then on_end is not told.
	 */
	enum wp_err (*begin)(struct wp_provider *provider,
			     const struct wp_attempt *attempt,
			     wp_attempt_fn on_end, void *ctx,
			     struct wp_error *err);
	/* Ends what is under way; nobody is told. */
	void (*free)(struct wp_provider *provider);
};

/* First in each provider's own struct. */
struct wp_provider {
	const struct wp_provider_type *type;
	enum wp_push_kind kind;
	const char *app; /* "": none; the provider's own copy */
	/* It goes to whatever host a device says: each has a breaker and a rate
	 * of its own. */
	bool is_per_host;
	/* It asks nobody, so there is neither breaker nor rate. */
	bool is_free;
};

/* What providers are made of. Borrowed during the making, but for the loop and
 * what says otherwise. */
struct wp_provider_setup {
	struct ev_loop *loop;
	const struct wp_conf *conf;
	/* Of services; used until all that it was asked is answered. */
	struct wp_bus_redis redis;
	struct wp_bearers *bearers; /* of APNs; outlives its providers */
	/* A token of ours was fetched, or could not be. NULL: nobody counts. */
	void (*count_token)(void *ctx, enum wp_push_kind kind, bool is_good);
	void *count_ctx;
};

static inline enum wp_err wp_provider_begin(struct wp_provider *provider,
					    const struct wp_attempt *attempt,
					    wp_attempt_fn on_end, void *ctx,
					    struct wp_error *err)
{
	return provider->type->begin(provider, attempt, on_end, ctx, err);
}

/* NULL-safe; *provider is NULL then. */
static inline void wp_provider_free(struct wp_provider **provider)
{
	if (*provider != NULL)
		(*provider)->type->free(*provider);
	*provider = NULL;
}

#endif /* WP_NOTIFIER_PROVIDER_H */
