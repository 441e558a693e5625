/*
 * limiter.c - a ledger, the clock, and payments under way.
 */
#include "lib/live/limiter.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/mailbox/rate.h"

enum { NS_PER_US = 1000 };

struct wp_limiter {
	struct wp_limiter_setup setup; /* rates and secret are gone */
	struct wp_ledger *ledger;      /* owned */
	uint8_t key[WP_RATE_KEY_LEN];  /* of names in Redis */
	struct wp_cmd cmd;
	size_t n_under_way;
};

/* Its answer may come when the entry of the ledger has given way. */
struct payment {
	struct wp_limiter *limiter;
	enum wp_limit_class class;
	uint64_t key; /* of the ledger */
	int64_t asked_ns;
};

static int64_t now_ns(void)
{
	return (int64_t)wp_mono_us() * NS_PER_US;
}

enum wp_err wp_limiter_new(struct wp_limiter **out,
			   const struct wp_limiter_setup *setup,
			   struct wp_error *err)
{
	struct wp_limiter *limiter = calloc(1, sizeof(*limiter));
	enum wp_err rc;

	if (limiter == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "memory is exhausted");
	wp_cmd_init(&limiter->cmd);
	limiter->setup = *setup;
	limiter->setup.rates = NULL;
	limiter->setup.secret = NULL;
	wp_limiter_set_secret(limiter, setup->secret);
	rc = wp_ledger_new(&limiter->ledger, setup->rates, err);
	if (rc == WP_OK)
		*out = limiter;
	else
		wp_limiter_free(&limiter);
	return rc;
}

void wp_limiter_free(struct wp_limiter **limiter)
{
	struct wp_limiter *l = *limiter;

	*limiter = NULL;
	if (l == NULL)
		return;
	assert(l->n_under_way == 0);
	wp_ledger_free(&l->ledger);
	wp_cmd_release(&l->cmd);
	explicit_bzero(l->key, sizeof(l->key));
	free(l);
}

void wp_limiter_set_secret(struct wp_limiter *limiter, const char *secret)
{
	wp_rate_key(limiter->key, secret);
}

void wp_limiter_use(struct wp_limiter *limiter,
		    const struct wp_limit_rates *rates)
{
	wp_ledger_use(limiter->ledger, rates);
}

const struct wp_limit_rate *wp_limiter_rate(const struct wp_limiter *limiter,
					    enum wp_limit_class class)
{
	return wp_ledger_rate(limiter->ledger, class);
}

/* ---- payments ---- */

static void fail(struct wp_limiter *limiter)
{
	wp_metric_add(limiter->setup.metrics, limiter->setup.errors, 1);
}

static void on_paid(void *ctx, const struct wp_reply *reply)
{
	struct payment *payment = ctx;
	struct wp_limiter *limiter = payment->limiter;
	int64_t ahead_ns = 0;

	limiter->n_under_way--;
	if (wp_rate_parse(reply, wp_limiter_rate(limiter, payment->class),
			  &ahead_ns) == WP_OK)
		wp_ledger_told(limiter->ledger, payment->class, payment->key,
			       payment->asked_ns, ahead_ns);
	else
		fail(limiter);
	free(payment);
}

/* What cannot be paid is forgotten: it was nobody's fault who spent it. */
static void pay(struct wp_limiter *limiter, const struct payment *what,
		const struct wp_limit_who *who,
		const struct wp_ledger_verdict *verdict)
{
	const struct wp_rate_payment whose = {
		.class = what->class,
		.partition = who->partition,
		.who = who->name,
		.who_len = who->len,
		.key = limiter->key,
	};
	struct payment *payment = malloc(sizeof(*payment));

	if (payment == NULL) {
		fail(limiter);
		return;
	}
	*payment = *what;
	wp_rate_build(&limiter->cmd, &whose,
		      wp_limiter_rate(limiter, what->class), verdict);
	if (limiter->setup.call(limiter->setup.ctx, &limiter->cmd, on_paid,
				payment) != WP_OK) {
		fail(limiter);
		free(payment);
		return;
	}
	limiter->n_under_way++;
}

/* ---- for its users ---- */

static struct payment identify(struct wp_limiter *limiter,
			       enum wp_limit_class class,
			       const struct wp_limit_who *who)
{
	return (struct payment){
		.limiter = limiter,
		.class = class,
		.key = wp_ledger_key(limiter->ledger, class, who->name,
				     who->len),
		.asked_ns = now_ns(),
	};
}

static void count(struct wp_limiter *limiter, enum wp_limit_class class,
		  const struct wp_ledger_verdict *verdict)
{
	if (verdict->is_refused)
		wp_metric_add(limiter->setup.metrics,
			      limiter->setup.limited + class, 1);
}

void wp_limiter_look(struct wp_limiter *limiter, enum wp_limit_class class,
		     const struct wp_limit_who *who,
		     struct wp_ledger_verdict *out)
{
	const struct payment what = identify(limiter, class, who);

	wp_ledger_look(limiter->ledger, class, what.key, what.asked_ns, out);
	count(limiter, class, out);
}

void wp_limiter_take(struct wp_limiter *limiter, enum wp_limit_class class,
		     const struct wp_limit_who *who, int64_t n,
		     struct wp_ledger_verdict *out)
{
	const struct payment what = identify(limiter, class, who);

	wp_ledger_take(limiter->ledger, class, what.key, n, what.asked_ns, out);
	count(limiter, class, out);
	if (out->due > 0)
		pay(limiter, &what, who, out);
}

void wp_limiter_owe(struct wp_limiter *limiter, enum wp_limit_class class,
		    const struct wp_limit_who *who, int64_t n,
		    struct wp_ledger_verdict *out)
{
	const struct payment what = identify(limiter, class, who);

	wp_ledger_owe(limiter->ledger, class, what.key, n, what.asked_ns, out);
	if (out->due > 0)
		pay(limiter, &what, who, out);
}
