/*
 * ask.c - attempts over HTTP, each at most two requests.
 *
 * An end that is known within the call that begins is told from the loop, for
 * who begins has not kept what he got yet.
 */
#include "notifier/provider/ask.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ev.h>

#include "lib/base/clock.h"
#include "lib/limit/address.h"
#include "lib/net/fetch.h"
#include "lib/net/reach.h"

struct ask {
	struct wp_ask of; /* first: the way knows only this */
	struct ask *next, **link;
	struct wp_asker *asker;
	bool is_beginning; /* within wp_asker_begin() */
	struct wp_judgement judgement;
	ev_timer soon; /* tells it */
	wp_attempt_fn on_end;
	void *ctx;
};

struct wp_asker {
	struct ev_loop *loop;
	const struct wp_ask_way *way;
	void *ctx;
	struct wp_fetch_pool *pool;
	bool has_proxy;
	struct wp_net *nets; /* owned */
	size_t n_nets;
	struct ask *first;
};

/* ---- the end of an attempt ---- */

static void forget(struct ask *ask)
{
	*ask->link = ask->next;
	if (ask->next != NULL)
		ask->next->link = ask->link;
	ev_timer_stop(ask->asker->loop, &ask->soon);
	free(ask);
}

static void tell(struct ask *ask)
{
	const struct wp_judgement judgement = ask->judgement;
	wp_attempt_fn on_end = ask->on_end;
	void *ctx = ask->ctx;

	forget(ask);
	on_end(ctx, &judgement);
}

static void on_soon(struct ev_loop *loop, ev_timer *timer, int events)
{
	(void)loop;
	(void)events;
	tell(timer->data);
}

void wp_ask_end(struct wp_ask *of, const struct wp_judgement *judgement)
{
	struct ask *ask = (struct ask *)of;

	ask->judgement = *judgement;
	if (ask->is_beginning)
		ev_timer_start(ask->asker->loop, &ask->soon);
	else
		tell(ask);
}

static void end_as(struct ask *ask, enum wp_verdict verdict, const char *reason)
{
	struct wp_judgement judgement = { .verdict = verdict };

	assert(strlen(reason) <= WP_REASON_MAX);
	memcpy(judgement.reason, reason, strlen(reason) + 1);
	wp_ask_end(&ask->of, &judgement);
}

bool wp_ask_is_late(const struct wp_ask *ask)
{
	return wp_mono_ms() > ask->attempt->good_until_ms;
}

/* ---- one request ---- */

static void prepare(struct ask *ask)
{
	const struct wp_ask_way *way = ask->asker->way;

	if (way->prepare != NULL)
		way->prepare(ask->asker->ctx, &ask->of);
	else
		wp_ask_go(&ask->of);
}

static bool may_be_there(const void *guard, const struct sockaddr *address,
			 socklen_t len)
{
	const struct wp_asker *asker = guard;

	return wp_reach_may(address, len, asker->nets, asker->n_nets);
}

/*
 * Why nothing came, or what did where the provider has no word for it: for the
 * operator's log, no user is told. What is said of a device is in its list, and
 * stays as it was judged.
 */
static void name_failure(struct wp_judgement *judgement,
			 const struct wp_transfer_answer *answer)
{
	static const char *const words[] = {
		[WP_TRANSFER_UNTRUSTED] = "untrusted",
		[WP_TRANSFER_FORBIDDEN] = "forbidden",
		[WP_TRANSFER_TOO_LONG] = "too_long",
	};

	bool is_of_device = judgement->verdict == WP_VERDICT_ACCEPTED ||
			    judgement->verdict == WP_VERDICT_GONE ||
			    judgement->verdict == WP_VERDICT_SUSPECT;

	judgement->is_forbidden = answer->end == WP_TRANSFER_FORBIDDEN;
	if (words[answer->end] != NULL)
		(void)snprintf(judgement->reason, sizeof(judgement->reason),
			       "%s", words[answer->end]);
	else if (judgement->reason[0] == '\0' && !is_of_device)
		(void)snprintf(judgement->reason, sizeof(judgement->reason),
			       "status_%ld", answer->status);
}

static void on_answer(void *ctx, const struct wp_transfer_answer *answer)
{
	struct ask *ask = ctx;
	const struct wp_ask_way *way = ask->asker->way;
	const struct wp_provider_answer said = {
		.status = answer->status,
		.is_http2 = answer->is_http2,
		.body = answer->body,
		.len = answer->len,
		.retry_after =
			answer->status != 0
				? wp_transfer_header(answer, "retry-after")
				: NULL,
		.now_s = wp_wall_ms() / 1000,
		.is_repeat = ask->of.is_repeat,
	};

	way->judge(ask->asker->ctx, &ask->of, &said, &ask->judgement);
	name_failure(&ask->judgement, answer);
	if (ask->judgement.remedy != WP_REMEDY_NONE && way->remedy != NULL)
		way->remedy(ask->asker->ctx, &ask->of, ask->judgement.remedy);
	if (ask->judgement.verdict != WP_VERDICT_AGAIN || ask->of.is_repeat) {
		tell(ask);
		return;
	}
	ask->of.is_repeat = true;
	ask->of.remedy = ask->judgement.remedy;
	prepare(ask);
}

static enum wp_err hand_over(struct ask *ask, const struct wp_call *call,
			     struct wp_error *err)
{
	struct wp_asker *asker = ask->asker;
	struct wp_transfer_header headers[WP_CALL_HEADERS_MAX];
	struct wp_transfer_request request = wp_call_request(call, headers);

	/* The addresses of a proxy are the operator's. */
	if (asker->way->is_guarded && !asker->has_proxy) {
		request.may = may_be_there;
		request.guard = asker;
	}
	return wp_fetch_begin(asker->pool, &request, on_answer, ask, err);
}

void wp_ask_go(struct wp_ask *of)
{
	struct ask *ask = (struct ask *)of;
	struct wp_error err;
	struct wp_call call;
	enum wp_err rc;

	if (wp_ask_is_late(of)) {
		end_as(ask, WP_VERDICT_AGAIN, "late");
		return;
	}
	wp_call_init(&call);
	rc = ask->asker->way->build(ask->asker->ctx, of, &call, &err);
	if (rc == WP_OK && !wp_call_is_whole(&call))
		rc = WP_ERR_NOMEM;
	if (rc == WP_OK)
		rc = hand_over(ask, &call, &err);
	wp_call_release(&call);
	if (rc == WP_ERR_INVAL)
		end_as(ask, WP_VERDICT_REFUSED, "unusable");
	else if (rc != WP_OK)
		end_as(ask, WP_VERDICT_AGAIN, "memory");
}

enum wp_err wp_asker_begin(struct wp_asker *asker,
			   const struct wp_attempt *attempt,
			   wp_attempt_fn on_end, void *ctx,
			   struct wp_error *err)
{
	struct ask *ask = calloc(1, sizeof(*ask));

	if (ask == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	ask->of.attempt = attempt;
	ask->asker = asker;
	ask->on_end = on_end;
	ask->ctx = ctx;
	ev_timer_init(&ask->soon, on_soon, 0., 0.);
	ask->soon.data = ask;
	ask->link = &asker->first;
	ask->next = asker->first;
	if (ask->next != NULL)
		ask->next->link = &ask->next;
	asker->first = ask;
	ask->is_beginning = true;
	prepare(ask);
	ask->is_beginning = false;
	return WP_OK;
}

/* ---- all of them ---- */

static bool read_nets(struct wp_asker *asker, const struct wp_conf_list *list)
{
	if (list->n == 0)
		return true;
	asker->nets = calloc(list->n, sizeof(*asker->nets));
	if (asker->nets == NULL)
		return false;
	/* The settings were judged: each can be read. */
	for (size_t i = 0; i < list->n; i++)
		asker->n_nets += wp_net_read(&asker->nets[asker->n_nets],
					     list->items[i]);
	return true;
}

uint32_t wp_ask_connections(const struct wp_conf *conf, enum wp_push_lane lane)
{
	struct wp_push_rates rates;
	uint32_t most;

	/* They were judged with the settings. */
	(void)wp_push_rates_read(&rates, conf->push.rates.items,
				 conf->push.rates.n);
	most = rates.of[lane].most;
	return most < WP_ASK_CONNECTIONS_MAX ? most : WP_ASK_CONNECTIONS_MAX;
}

struct wp_transfer_rules wp_ask_rules(const struct wp_conf *conf,
				      size_t body_max, uint32_t connections)
{
	return (struct wp_transfer_rules){
		.agent = "waypost-notifier/" WP_VERSION,
		.ca_file = conf->push.ca_file,
		.proxy = conf->push.proxy,
		.connect_ms =
			(uint32_t)conf->push.timeout_ms / WP_ASK_CONNECT_PARTS,
		.total_ms = (uint32_t)conf->push.timeout_ms,
		.body_max = body_max,
		.cuts = true,
		.connections = connections,
	};
}

enum wp_err wp_asker_new(struct wp_asker **out,
			 const struct wp_asker_setup *setup,
			 struct wp_error *err)
{
	const struct wp_conf *conf = setup->provider->conf;
	const struct wp_transfer_rules rules =
		wp_ask_rules(conf, WP_ASK_ANSWER_MAX, setup->connections);
	struct wp_asker *asker = calloc(1, sizeof(*asker));

	if (asker == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	asker->loop = setup->provider->loop;
	asker->way = setup->way;
	asker->ctx = setup->ctx;
	asker->has_proxy = conf->push.proxy[0] != '\0';
	asker->pool = wp_fetch_pool_new(asker->loop, &rules);
	if (asker->pool == NULL ||
	    !read_nets(asker, &conf->push.allow_networks)) {
		wp_asker_free(&asker);
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	}
	*out = asker;
	return WP_OK;
}

void wp_asker_free(struct wp_asker **asker)
{
	struct ask *next;

	if (*asker == NULL)
		return;
	wp_fetch_pool_free(&(*asker)->pool);
	for (struct ask *ask = (*asker)->first; ask != NULL; ask = next) {
		next = ask->next;
		forget(ask);
	}
	free((*asker)->nets);
	free(*asker);
	*asker = NULL;
}

void wp_asker_renew(struct wp_asker *asker)
{
	wp_fetch_renew(asker->pool);
}
