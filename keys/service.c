/*
 * service.c - watches and their fetches, and our own keys, by the clock.
 */
#include "keys/service.h"

#include <stdlib.h>
#include <string.h>

#include "keys/document.h"
#include "keys/metrics.h"
#include "keys/own.h"
#include "keys/watch.h"
#include "lib/auth/ca_file.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"

enum {
	PUBLIC_MODE = 0640,
	/* Our own keys: also how soon a file of the operator's counts. */
	LOOK_MS = 5000,
};

static const char ca_file_key[] = "auth.ca_file";

/* A watch, and what its fetches need to come back to it. */
struct slot {
	struct wp_service *service;
	struct wp_watch watch;
	struct wp_document_wait wait;
};

struct wp_service {
	struct wp_service_setup in;
	struct wp_transfers *transfers;
	struct wp_issuers *issuers;
	struct slot slots[WP_ISSUERS_MAX];
	size_t n; /* slots that are set up */
	/* Only with accounts. */
	struct wp_own own;
	char own_id[WP_ISSUER_ID_LEN + 1];
	struct wp_schedule publish;
	uint64_t look_ms; /* when our own keys are looked at next */
	bool wants_new;
};

static void fetch(struct slot *slot);

bool wp_service_has_work(const struct wp_conf *conf)
{
	return conf->auth.issuers.n > 0 || conf->accounts.enabled;
}

enum wp_err wp_service_check(const struct wp_conf *conf, struct wp_error *err)
{
	bool is_local = conf->run_mode == WP_RUN_LOCAL;
	struct wp_issuers *issuers = NULL;
	enum wp_err rc = wp_ca_file_check(ca_file_key, conf->auth.ca_file, err);

	if (rc == WP_OK)
		rc = wp_issuers_new(&issuers, conf, err);
	for (size_t i = 0; rc == WP_OK && i < issuers->n; i++) {
		struct wp_watch watch;

		rc = wp_watch_init(&watch, &issuers->items[i], is_local, err);
		wp_watch_release(&watch);
	}
	wp_issuers_free(&issuers);
	return rc;
}

static uint32_t refresh_s(const struct wp_service *s)
{
	return (uint32_t)s->in.conf->auth.key_refresh_seconds;
}

/* ---- foreign issuers ---- */

static void count_failing(struct wp_service *s)
{
	int64_t n = 0;

	for (size_t i = 0; i < s->n; i++)
		n += s->slots[i].watch.is_failing;
	wp_metric_set(s->in.metrics, WP_KM_FAILING, n);
}

static void tell_good(const struct wp_watch *w, bool was_failing)
{
	const char *issuer = w->issuer->text;

	if (w->is_new || was_failing)
		wp_log(NULL, WP_LOG_INFO, "keys fetched",
		       wp_str("issuer", issuer),
		       wp_int("keys", (int64_t)w->n_keys));
	if (w->is_new && w->n_private > 0)
		wp_log(NULL, WP_LOG_ERROR,
		       "an issuer publishes private keys; they are not used",
		       wp_str("issuer", issuer),
		       wp_int("keys", (int64_t)w->n_private));
}

static enum wp_err write_file(const struct slot *slot, struct wp_error *err)
{
	const struct wp_watch *w = &slot->watch;
	char name[WP_KEY_FILE_NAME_MAX + 1];
	struct wp_buf text;
	enum wp_err rc;

	wp_buf_init(&text, WP_KEY_FILE_BYTES_MAX);
	wp_watch_text(w, wp_wall_ms(), &text);
	wp_key_file_name(w->issuer->text, name);
	if (text.failed)
		rc = wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	else
		rc = wp_folder_write(
			slot->service->in.folder,
			&(struct wp_folder_write){ .name = name,
						   .mode = PUBLIC_MODE,
						   .data = text.data,
						   .len = text.len },
			err);
	wp_buf_release(&text);
	return rc;
}

static void finish(struct slot *slot, enum wp_watch_result result,
		   struct wp_error *err)
{
	struct wp_service *s = slot->service;
	struct wp_watch *w = &slot->watch;
	uint64_t now_ms = wp_mono_ms();
	bool was_failing = w->is_failing;

	if (wp_watch_is_good(result) && write_file(slot, err) != WP_OK)
		result = WP_WATCH_UNWRITTEN;
	wp_watch_end(w, result, now_ms);
	wp_metric_add(s->in.metrics, wp_keys_metric_of(result), 1);
	count_failing(s);
	if (wp_watch_is_good(result))
		tell_good(w, was_failing);
	else
		wp_log(NULL, WP_LOG_WARN, "keys could not be fetched",
		       wp_str("issuer", w->issuer->text),
		       wp_str("error", err->msg),
		       wp_int("retry_ms",
			      (int64_t)(w->schedule.due_ms - now_ms)));
}

static void on_document(void *ctx, const struct wp_document *document)
{
	struct slot *slot = ctx;
	enum wp_watch_result result = WP_WATCH_MALFORMED;
	struct wp_error err = { 0 };

	if (wp_watch_take(&slot->watch, document, wp_mono_ms(), &result, &err))
		fetch(slot);
	else
		finish(slot, result, &err);
}

static void fetch(struct slot *slot)
{
	struct wp_error err = { 0 };
	struct wp_document_ask ask;

	wp_watch_ask(&slot->watch, &ask);
	slot->wait.on_end = on_document;
	slot->wait.ctx = slot;
	if (wp_document_begin(slot->service->transfers, &ask, &slot->wait,
			      &err) != WP_OK)
		finish(slot, WP_WATCH_UNREACHABLE, &err);
}

/* What an earlier life has left: it may be good for a while. */
static void know(struct slot *slot)
{
	struct wp_watch *w = &slot->watch;
	char name[WP_KEY_FILE_NAME_MAX + 1];
	const struct wp_folder_read what = {
		.name = name,
		.max_bytes = WP_KEY_FILE_BYTES_MAX,
	};
	struct wp_key_file file = { 0 };
	struct wp_error err = { 0 };
	struct wp_buf text;
	enum wp_err rc;

	wp_buf_init(&text, 0);
	wp_key_file_name(w->issuer->text, name);
	rc = wp_folder_read(slot->service->in.folder, &what, &text, &err);
	if (rc == WP_OK) {
		rc = wp_key_file_parse(&file, text.data, text.len, &err);
		if (rc == WP_OK)
			wp_watch_know(w, &file, wp_wall_ms(), wp_mono_ms());
		wp_key_file_release(&file);
	}
	if (rc != WP_OK && rc != WP_ERR_NOTFOUND)
		wp_log(NULL, WP_LOG_WARN, "a file of keys is made anew",
		       wp_str("issuer", w->issuer->text),
		       wp_str("error", err.msg));
	wp_buf_release(&text);
}

static enum wp_err begin_watches(struct wp_service *s, struct wp_error *err)
{
	enum wp_err rc = wp_issuers_new(&s->issuers, s->in.conf, err);
	bool is_local = s->in.conf->run_mode == WP_RUN_LOCAL;

	for (size_t i = 0; rc == WP_OK && i < s->issuers->n; i++) {
		struct slot *slot = &s->slots[s->n++];

		slot->service = s;
		rc = wp_watch_init(&slot->watch, &s->issuers->items[i],
				   is_local, err);
		wp_schedule_init(&slot->watch.schedule, refresh_s(s),
				 wp_mono_ms());
		if (rc == WP_OK)
			know(slot);
	}
	wp_metric_set(s->in.metrics, WP_KM_ISSUERS, (int64_t)s->n);
	count_failing(s);
	return rc;
}

/* ---- our own ---- */

static void tell_own_failure(const struct wp_error *err)
{
	wp_log(NULL, WP_LOG_ERROR, "signing keys could not be looked after",
	       wp_str("error", err->msg), wp_int("retry_ms", LOOK_MS));
}

static void look_after_own(struct wp_service *s, uint64_t now_ms)
{
	int64_t wall_ms = wp_wall_ms();
	struct wp_error err = { 0 };
	bool has_changed = false;
	uint64_t n_made = s->own.n_made;
	enum wp_err rc = wp_own_look(&s->own, wall_ms / 1000, s->wants_new,
				     &has_changed, &err);

	s->wants_new = false;
	s->look_ms = now_ms + LOOK_MS;
	if (rc == WP_OK &&
	    (has_changed || wp_schedule_is_due(&s->publish, now_ms))) {
		wp_schedule_begin(&s->publish, now_ms);
		rc = wp_own_publish(&s->own, wall_ms, &err);
		if (rc == WP_OK)
			wp_schedule_succeed(&s->publish, -1, now_ms);
		else
			wp_schedule_fail(&s->publish, now_ms);
	}
	wp_metric_add(s->in.metrics, WP_KM_MADE,
		      (int64_t)(s->own.n_made - n_made));
	wp_metric_set(s->in.metrics, WP_KM_SIGNING, (int64_t)s->own.ring.n);
	if (rc != WP_OK)
		tell_own_failure(&err);
}

void wp_service_rotate(struct wp_service *s)
{
	if (!s->in.conf->accounts.enabled) {
		wp_log_plain(NULL, WP_LOG_WARN,
			     "no signing key is made: accounts are off");
		return;
	}
	s->wants_new = true;
	s->look_ms = 0;
}

/* ---- all of it ---- */

enum wp_err wp_service_new(struct wp_service **out,
			   const struct wp_service_setup *setup,
			   struct wp_error *err)
{
	struct wp_service *s = calloc(1, sizeof(*s));
	enum wp_err rc;

	*out = NULL;
	if (s == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	s->in = *setup;
	wp_own_init(&s->own, s->in.conf, s->in.folder);
	wp_schedule_init(&s->publish, refresh_s(s), wp_mono_ms());
	wp_issuer_id(s->in.conf->accounts.issuer, s->own_id);
	rc = wp_ca_file_check(ca_file_key, s->in.conf->auth.ca_file, err);
	if (rc == WP_OK) {
		s->transfers = wp_document_transfers(s->in.conf->auth.ca_file);
		if (s->transfers == NULL)
			rc = wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	}
	if (rc == WP_OK)
		rc = begin_watches(s, err);
	if (rc != WP_OK)
		wp_service_free(&s);
	*out = s;
	return rc;
}

void wp_service_free(struct wp_service **service)
{
	struct wp_service *s = *service;

	if (s == NULL)
		return;
	wp_transfers_free(&s->transfers); /* they know the slots */
	for (size_t i = 0; i < s->n; i++)
		wp_watch_release(&s->slots[i].watch);
	wp_issuers_free(&s->issuers);
	wp_own_release(&s->own);
	free(s);
	*service = NULL;
}

void wp_service_run(struct wp_service *s)
{
	uint64_t now_ms = wp_mono_ms();

	for (size_t i = 0; i < s->n; i++) {
		struct slot *slot = &s->slots[i];

		if (!wp_schedule_is_due(&slot->watch.schedule, now_ms))
			continue;
		wp_watch_begin(&slot->watch, now_ms);
		fetch(slot);
	}
	wp_transfers_run(s->transfers);
	if (s->in.conf->accounts.enabled && now_ms >= s->look_ms)
		look_after_own(s, now_ms);
}

/* When something is due, whatever comes in. */
static uint64_t next_ms(const struct wp_service *s)
{
	uint64_t next = UINT64_MAX;

	for (size_t i = 0; i < s->n; i++) {
		const struct wp_schedule *schedule =
			&s->slots[i].watch.schedule;

		if (!schedule->is_running && schedule->due_ms < next)
			next = schedule->due_ms;
	}
	if (s->in.conf->accounts.enabled && s->look_ms < next)
		next = s->look_ms;
	return next;
}

void wp_service_wait(struct wp_service *s, const int *fds, size_t n,
		     uint64_t until_ms)
{
	uint64_t now_ms = wp_mono_ms();
	uint64_t due_ms = next_ms(s);
	uint64_t next = due_ms < until_ms ? due_ms : until_ms;
	uint64_t left = next > now_ms ? next - now_ms : 0;

	wp_transfers_wait(s->transfers, fds, n,
			  left > INT32_MAX ? INT32_MAX : (uint32_t)left);
}

static struct wp_schedule *find(struct wp_service *s, const char *id)
{
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->slots[i].watch.id, id) == 0)
			return &s->slots[i].watch.schedule;
	if (!s->in.conf->accounts.enabled || strcmp(s->own_id, id) != 0)
		return NULL;
	s->look_ms = 0; /* it may be due by then */
	return &s->publish;
}

void wp_service_want(struct wp_service *s, const char *id)
{
	struct wp_schedule *schedule = find(s, id);
	size_t metric = WP_KM_EARLY_UNKNOWN;

	if (schedule != NULL)
		metric = wp_schedule_want(schedule, wp_mono_ms())
				 ? WP_KM_EARLY_GRANTED
				 : WP_KM_EARLY_REFUSED;
	wp_metric_add(s->in.metrics, metric, 1);
}
