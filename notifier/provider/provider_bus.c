/*
 * provider_bus.c - a body, and a sink that takes it. A publish is in memory
 * until Redis has answered, also when its provider is gone by then.
 */
#include "notifier/provider/provider_bus.h"

#include <stdlib.h>

#include "notifier/provider/kind_bus.h"

struct bus_provider;

/* One on its way. */
struct publishing {
	struct wp_bus_message message; /* first: the sink knows only this */
	struct bus_provider *provider; /* NULL: it is gone */
	struct publishing *next, **link;
	wp_attempt_fn on_end;
	void *ctx;
};

struct bus_provider {
	struct wp_provider of; /* first: it is known by that */
	struct wp_bus_sink *sink;
	struct publishing *first;
};

static void unlink_one(struct publishing *one)
{
	*one->link = one->next;
	if (one->next != NULL)
		one->next->link = one->link;
}

static void on_end(struct wp_bus_message *message, enum wp_bus_end end,
		   const char *word)
{
	struct publishing *one = (struct publishing *)message;
	struct bus_provider *provider = one->provider;
	wp_attempt_fn tell = one->on_end;
	void *ctx = one->ctx;
	struct wp_judgement judgement;

	wp_kind_bus_judge(end, word, &judgement);
	if (provider != NULL)
		unlink_one(one);
	free(one);
	if (provider != NULL)
		tell(ctx, &judgement);
}

static void write_body(struct wp_buf *out, const struct wp_attempt *attempt)
{
	const struct wp_addressee *to = attempt->to;

	if (to->kind == WP_PUSH_BUS)
		wp_kind_bus_body(out, to->user, attempt->push);
	else
		wp_kind_event_body(out, to->user, to->platforms, attempt->push);
}

static enum wp_err publish(struct bus_provider *provider,
			   struct publishing *one,
			   const struct wp_attempt *attempt)
{
	struct wp_buf body;
	enum wp_err rc = WP_ERR_NOMEM;

	wp_buf_init(&body, 0);
	write_body(&body, attempt);
	if (!body.failed) {
		one->message.data = body.data;
		one->message.len = body.len;
		rc = wp_bus_publish(provider->sink, &one->message);
	}
	wp_buf_release(&body);
	return rc;
}

static enum wp_err begin(struct wp_provider *base,
			 const struct wp_attempt *attempt,
			 wp_attempt_fn attempt_fn, void *ctx,
			 struct wp_error *err)
{
	struct bus_provider *provider = (struct bus_provider *)base;
	struct publishing *one = calloc(1, sizeof(*one));
	enum wp_err rc;

	if (one == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	*one = (struct publishing){
		.message = { .on_end = on_end },
		.provider = provider,
		.next = provider->first,
		.link = &provider->first,
		.on_end = attempt_fn,
		.ctx = ctx,
	};
	rc = publish(provider, one, attempt);
	if (rc != WP_OK) {
		free(one);
		return wp_error_set(err, rc, "redis cannot be asked");
	}
	if (one->next != NULL)
		one->next->link = &one->next;
	provider->first = one;
	return WP_OK;
}

static void free_provider(struct wp_provider *base)
{
	struct bus_provider *provider = (struct bus_provider *)base;

	for (struct publishing *one = provider->first; one != NULL;
	     one = one->next)
		one->provider = NULL;
	wp_bus_sink_free(&provider->sink);
	free(provider);
}

static enum wp_err make(struct wp_provider **out, enum wp_push_kind kind,
			struct wp_error *err)
{
	static const struct wp_provider_type type = {
		.begin = begin,
		.free = free_provider,
	};
	struct bus_provider *provider = calloc(1, sizeof(*provider));

	if (provider == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	provider->of = (struct wp_provider){
		.type = &type,
		.kind = kind,
		.app = "",
	};
	*out = &provider->of;
	return WP_OK;
}

enum wp_err wp_provider_bus_new(struct wp_provider **out,
				const struct wp_provider_setup *setup,
				struct wp_error *err)
{
	const struct wp_conf *conf = setup->conf;
	enum wp_err rc = make(out, WP_PUSH_BUS, err);

	if (rc == WP_OK)
		rc = wp_bus_stream_new(&((struct bus_provider *)*out)->sink,
				       &setup->redis,
				       conf->bus.redis_push_stream,
				       conf->bus.redis_push_stream_max, err);
	if (rc != WP_OK)
		wp_provider_free(out);
	return rc;
}

enum wp_err wp_provider_event_new(struct wp_provider **out,
				  const struct wp_provider_setup *setup,
				  struct wp_error *err)
{
	enum wp_err rc = make(out, WP_PUSH_EVENT, err);

	if (rc == WP_OK)
		rc = wp_bus_channel_new(&((struct bus_provider *)*out)->sink,
					&setup->redis, WP_EVENT_CHANNEL, err);
	if (rc != WP_OK)
		wp_provider_free(out);
	return rc;
}
