/*
 * notifier.c - who tells whom when Redis comes and goes, and the order of the
 * end: nothing is taken any more, what was taken is answered, what became of it
 * is written, and only then we leave the list, which is the last thing that
 * Redis hears of us.
 */
#include "notifier/notifier.h"

#include <stdlib.h>

#include "lib/base/log.h"
#include "lib/live/store_thread.h"
#include "notifier/backlog.h"
#include "notifier/bulletin.h"
#include "notifier/dead_letters.h"
#include "notifier/deliver.h"
#include "notifier/errand.h"
#include "notifier/expiry.h"
#include "notifier/gone.h"
#include "notifier/providers.h"
#include "notifier/redis.h"
#include "notifier/results.h"
#include "notifier/share.h"
#include "notifier/taker.h"

struct wp_notifier {
	struct wp_notifier_setup setup;
	struct wp_log log;
	struct wp_store_thread *store;
	struct wp_judged *redis;
	struct wp_sharing sharing;
	struct wp_results *results;
	struct wp_dead_letters dead_letters;
	struct wp_deliveries *deliveries;
	struct wp_errands *errands;
	struct wp_taker *taker;
	struct wp_backlog *backlog;
	struct wp_bulletin *bulletin;
	struct wp_expiry *expiry;
	bool is_stopping;
	bool is_leaving;
};

enum wp_err wp_notifier_check(const struct wp_conf *conf, struct wp_error *err)
{
	return wp_providers_check(conf, err);
}

/* ---- the end ---- */

static void on_left(void *ctx)
{
	struct wp_notifier *notifier = ctx;

	notifier->setup.on_stopped(notifier->setup.ctx);
}

static void leave_when_done(struct wp_notifier *notifier)
{
	if (!notifier->is_stopping || notifier->is_leaving ||
	    wp_taker_asking(notifier->taker) > 0 ||
	    !wp_errands_are_settled(notifier->errands) ||
	    !wp_results_are_written(notifier->results))
		return;
	notifier->is_leaving = true;
	wp_sharing_leave(&notifier->sharing, on_left, notifier);
}

/* ---- Redis ---- */

static void on_up(void *ctx)
{
	struct wp_notifier *notifier = ctx;

	if (notifier->is_stopping)
		return;
	wp_sharing_begin(&notifier->sharing);
}

static void on_lost(void *ctx)
{
	struct wp_notifier *notifier = ctx;

	wp_errands_forget(notifier->errands);
	leave_when_done(notifier);
}

static void on_unfit(void *ctx, const struct wp_error *err)
{
	struct wp_notifier *notifier = ctx;

	notifier->setup.on_unfit(notifier->setup.ctx, err);
}

/* ---- boxes ---- */

static size_t count(void *ctx)
{
	struct wp_notifier *notifier = ctx;

	return wp_errands_count(notifier->errands);
}

static void on_box(void *ctx, const struct wp_push_box *box,
		   const struct wp_claim *claim)
{
	struct wp_notifier *notifier = ctx;

	wp_errands_add(notifier->errands, box, claim);
}

static void on_answer(void *ctx)
{
	struct wp_notifier *notifier = ctx;

	wp_errands_go(notifier->errands);
	leave_when_done(notifier);
}

static void on_written(void *ctx)
{
	leave_when_done(ctx);
}

static void on_gone(void *ctx, const struct wp_urn *user, const char *device,
		    const char *reason)
{
	struct wp_notifier *notifier = ctx;

	wp_gone_tell(notifier->redis, user, device, reason);
}

static void on_settled(void *ctx)
{
	struct wp_notifier *notifier = ctx;

	wp_taker_room(notifier->taker);
	leave_when_done(notifier);
}

static void on_crowded(void *ctx)
{
	struct wp_notifier *notifier = ctx;

	wp_taker_pause(notifier->taker);
}

/* ---- operators ---- */

static void on_resume(void *ctx, const char *app)
{
	struct wp_notifier *notifier = ctx;

	wp_deliveries_resume(notifier->deliveries, app);
}

static void describe(void *ctx, struct wp_buf *out)
{
	struct wp_notifier *notifier = ctx;

	wp_deliveries_describe(notifier->deliveries, out);
}

/* ---- making ---- */

/* What is done now and then, of the share. */
static enum wp_err make_chores(struct wp_notifier *notifier,
			       struct wp_error *err)
{
	const struct wp_notifier_setup *setup = &notifier->setup;
	const struct wp_backlog_setup backlog = {
		.loop = setup->loop,
		.redis = notifier->redis,
		.sharing = &notifier->sharing,
		.metrics = setup->metrics,
		.partitions = (uint32_t)setup->conf->mailbox.partitions,
	};
	const struct wp_expiry_setup expiry = {
		.loop = setup->loop,
		.conf = setup->conf,
		.store = notifier->store,
		.sharing = &notifier->sharing,
		.metrics = setup->metrics,
	};
	const struct wp_bulletin_setup bulletin = {
		.loop = setup->loop,
		.redis = notifier->redis,
		.notifier = notifier->sharing.id,
		.on_resume = on_resume,
		.describe = describe,
		.ctx = notifier,
	};
	enum wp_err rc = wp_backlog_new(&notifier->backlog, &backlog, err);

	if (rc == WP_OK)
		rc = wp_bulletin_new(&notifier->bulletin, &bulletin, err);
	return rc == WP_OK ? wp_expiry_new(&notifier->expiry, &expiry, err)
			   : rc;
}

static enum wp_err make(struct wp_notifier *notifier, struct wp_error *err)
{
	const struct wp_notifier_setup *setup = &notifier->setup;
	const struct wp_store_setup store = {
		.loop = setup->loop,
		.conf = setup->conf,
		.threads = 1,
	};
	struct wp_judged_setup redis = {
		.loop = setup->loop,
		.conf = setup->conf,
		.on_up = on_up,
		.on_lost = on_lost,
		.on_unfit = on_unfit,
		.ctx = notifier,
	};
	struct wp_sharing_setup sharing = {
		.loop = setup->loop,
		.metrics = setup->metrics,
		.partitions = (uint32_t)setup->conf->mailbox.partitions,
	};
	struct wp_results_setup results = {
		.metrics = setup->metrics,
		.on_written = on_written,
		.on_gone = on_gone,
		.ctx = notifier,
	};
	struct wp_deliveries_setup deliveries = {
		.loop = setup->loop,
		.conf = setup->conf,
		.metrics = setup->metrics,
	};
	struct wp_errands_setup errands = {
		.conf = setup->conf,
		.metrics = setup->metrics,
		.on_settled = on_settled,
		.on_crowded = on_crowded,
		.ctx = notifier,
	};
	struct wp_taker_setup taker = {
		.loop = setup->loop,
		.conf = setup->conf,
		.sharing = &notifier->sharing,
		.metrics = setup->metrics,
		.count = count,
		.on_box = on_box,
		.on_answer = on_answer,
		.ctx = notifier,
	};
	enum wp_err rc = wp_store_thread_start(&notifier->store, &store, err);

	redis.store = notifier->store;
	if (rc == WP_OK)
		rc = wp_judged_new(&notifier->redis, &redis, err);
	notifier->dead_letters = (struct wp_dead_letters){
		.redis = notifier->redis,
		.metrics = setup->metrics,
	};
	results.store = notifier->store;
	if (rc == WP_OK &&
	    (notifier->results = wp_results_new(&results)) == NULL)
		rc = wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	deliveries.results = notifier->results;
	deliveries.redis = notifier->redis;
	if (rc == WP_OK)
		rc = wp_deliveries_new(&notifier->deliveries, &deliveries, err);
	errands.deliveries = notifier->deliveries;
	errands.store = notifier->store;
	errands.redis = notifier->redis;
	errands.results = notifier->results;
	errands.dead_letters = &notifier->dead_letters;
	if (rc == WP_OK)
		rc = wp_errands_new(&notifier->errands, &errands, err);
	taker.redis = notifier->redis;
	if (rc == WP_OK)
		rc = wp_taker_new(&notifier->taker, &taker, err);
	if (rc != WP_OK)
		return rc;
	sharing.redis = notifier->redis;
	wp_sharing_init(&notifier->sharing, &sharing);
	return make_chores(notifier, err);
}

enum wp_err wp_notifier_new(struct wp_notifier **out,
			    const struct wp_notifier_setup *setup,
			    struct wp_error *err)
{
	struct wp_notifier *notifier = calloc(1, sizeof(*notifier));
	enum wp_err rc;

	if (notifier == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	notifier->setup = *setup;
	rc = make(notifier, err);
	if (rc != WP_OK)
		wp_notifier_free(&notifier);
	else
		*out = notifier;
	return rc;
}

void wp_notifier_use(struct wp_notifier *notifier, const struct wp_conf *conf)
{
	struct wp_error why;

	wp_taker_use(notifier->taker, conf);
	wp_expiry_use(notifier->expiry, conf);
	wp_errands_use(notifier->errands, conf);
	/* They were checked, so it is memory, or a file that is another now. */
	if (wp_deliveries_use(notifier->deliveries, conf, &why) != WP_OK)
		wp_log(&notifier->log, WP_LOG_ERROR,
		       "providers stay as they were", wp_str("error", why.msg));
}

void wp_notifier_stop(struct wp_notifier *notifier)
{
	if (notifier->is_stopping)
		return;
	notifier->is_stopping = true;
	wp_taker_stop(notifier->taker);
	wp_errands_stop(notifier->errands);
	wp_expiry_stop(notifier->expiry);
	leave_when_done(notifier);
}

bool wp_notifier_is_up(const struct wp_notifier *notifier)
{
	return wp_judged_is_up(notifier->redis);
}

bool wp_notifier_is_idle(const struct wp_notifier *notifier)
{
	return wp_store_thread_is_idle(notifier->store);
}

/* What is still asked of the store or Redis is answered by a loss, in this
 * order; of what providers are asked nobody is told, first. */
void wp_notifier_free(struct wp_notifier **notifier)
{
	struct wp_notifier *n = *notifier;

	*notifier = NULL;
	if (n == NULL)
		return;
	n->is_stopping = true;
	n->is_leaving = true;
	wp_sharing_stop(&n->sharing);
	if (n->taker != NULL)
		wp_taker_stop(n->taker);
	if (n->errands != NULL)
		wp_errands_stop(n->errands);
	if (n->expiry != NULL)
		wp_expiry_stop(n->expiry);
	if (n->results != NULL)
		wp_results_end(n->results);
	wp_store_thread_stop(&n->store);
	/* Before Redis, which some of them ask. */
	wp_deliveries_free(&n->deliveries);
	wp_judged_free(&n->redis);
	wp_errands_free(&n->errands);
	wp_taker_free(&n->taker);
	wp_results_free(&n->results);
	wp_expiry_free(&n->expiry);
	wp_backlog_free(&n->backlog);
	wp_bulletin_free(&n->bulletin);
	free(n);
}
