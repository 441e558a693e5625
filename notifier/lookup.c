/*
 * lookup.c - one job at a time, of as many questions as have come meanwhile.
 */
#include "notifier/lookup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/base/encode.h"
#include "lib/mailbox/push.h"
#include "lib/push/device.h"
#include "notifier/provider/kind_web.h"
#include "notifier/service.h"

_Static_assert((int)WP_SERVICE_NAME_MAX == (int)WP_TARGET_NAME_LEN,
	       "a service has a name as a device has");

/* What is opened of one device, twice, its names and a few more bytes; and so
 * many that nobody may have more of them. */
enum {
	DEVICE_MAX = 4 * WP_PUSH_TARGET_MAX,
	DEVICES_MAX = 100,
	MS_PER_S = 1000,
};

struct wp_lookups {
	struct wp_store_job job; /* first: the thread knows only this */
	struct wp_lookups_setup setup;
	bool is_busy; /* the job is the thread's */
	bool is_ended;
	struct wp_lookups_how how;      /* what the job is to do */
	struct wp_lookups_how next_how; /* what the next one is */
	struct wp_lookup *asked[WP_LOOKUPS_AT_ONCE];
	size_t n;
	struct wp_lookup *first; /* added, in their order */
	struct wp_lookup **last;
};

/* ---- on the store's thread ---- */

struct finding {
	const struct wp_lookups *lookups;
	struct wp_lookup *lookup;
	bool is_short; /* of memory */
	struct wp_platforms platforms;
};

static const char *copy(struct wp_lookup *lookup, const char *text)
{
	return wp_arena_copy(&lookup->texts, text, strlen(text));
}

static const char *or_nothing(const char *text)
{
	return text != NULL ? text : "";
}

/* Without its scheme, as names of hosts are compared. */
static const char *host_of(struct wp_lookup *lookup, const char *endpoint)
{
	static const char https[] = "https://";
	char origin[WP_WEB_ORIGIN_MAX];

	return wp_web_origin(endpoint, origin)
		       ? copy(lookup, origin + sizeof(https) - 1)
		       : "";
}

/* NULL: out of memory */
static const char *code_of(const struct finding *finding,
			   const struct wp_push_row *row)
{
	char code[WP_PUSH_CODE_LEN + 1];
	const char *copied;

	wp_push_code(finding->lookups->setup.keys, row->id, row->code_s, code);
	copied = copy(finding->lookup, code);
	explicit_bzero(code, sizeof(code));
	return copied;
}

static enum wp_err address(const struct finding *finding,
			   struct wp_target *target,
			   const struct wp_push_row *row,
			   const struct wp_push_device *says)
{
	struct wp_lookup *lookup = finding->lookup;
	struct wp_addressee *to = wp_arena_alloc(&lookup->texts, sizeof(*to));

	if (to == NULL)
		return WP_ERR_NOMEM;
	*to = (struct wp_addressee){
		.kind = target->kind,
		.app = target->app,
		.account = copy(lookup, row->account),
		.is_ios = strcmp(row->platform, "ios") == 0,
		.has_badge = (row->flags & WP_PUSH_BADGE) != 0,
		.token = or_nothing(says->token),
		.code = "",
		.endpoint = or_nothing(says->endpoint),
		.user = lookup->user.text,
		.registered_s = row->registered_s,
	};
	to->host = host_of(lookup, to->endpoint);
	if (to->account == NULL || to->host == NULL)
		return WP_ERR_NOMEM;
	if (row->state == WP_PUSH_UNVERIFIED)
		to->code = code_of(finding, row);
	if (to->code == NULL)
		return WP_ERR_NOMEM;
	if (says->has_keys) {
		memcpy(to->receiver.point, says->point, sizeof(says->point));
		memcpy(to->receiver.auth, says->auth, sizeof(says->auth));
	}
	if (target->kind == WP_PUSH_WEBHOOK)
		wp_push_webhook_secret(finding->lookups->setup.keys, row->id,
				       sizeof(row->id), to->webhook_secret);
	target->to = to;
	return WP_OK;
}

/* Errors: WP_ERR_NOMEM; any other: it does not open, or holds nothing */
static enum wp_err open_it(const struct finding *finding,
			   struct wp_target *target,
			   const struct wp_push_row *row)
{
	struct wp_lookup *lookup = finding->lookup;
	const struct wp_push_place place = { row->user, row->tok };
	struct wp_push_device says;
	struct wp_error why;
	size_t len;
	enum wp_err rc;
	char *text;

	if (row->sealed == NULL)
		return WP_ERR_INVAL;
	text = wp_arena_alloc(&lookup->texts, row->sealed_len);
	if (text == NULL)
		return WP_ERR_NOMEM;
	rc = wp_push_open(finding->lookups->setup.keys, &place, row->sealed,
			  row->sealed_len, (uint8_t *)text, &len);
	if (rc == WP_OK)
		rc = wp_push_device_read(&says, text, len, &lookup->texts,
					 &why);
	if (rc == WP_OK)
		rc = address(finding, target, row, &says);
	explicit_bzero(&says, sizeof(says));
	return rc;
}

static enum wp_err take_row(const struct finding *finding,
			    struct wp_target *target, enum wp_push_kind kind,
			    const struct wp_push_row *row)
{
	struct wp_lookup *lookup = finding->lookup;

	*target = (struct wp_target){
		.user = &lookup->user,
		.kind = kind,
		.app = copy(lookup, row->app),
		.device = copy(lookup, row->device),
		.flags = row->flags,
		.registered_s = row->registered_s,
		.state = row->state,
		.marked_s = row->marked_s,
		.result = row->result,
		.result_day = row->result_day,
	};
	memcpy(target->id, row->id, sizeof(target->id));
	memcpy(target->vapid, row->vapid, sizeof(target->vapid));
	(void)wp_base64url_encode(row->id, sizeof(row->id), target->name);
	if (target->app == NULL || target->device == NULL)
		return WP_ERR_NOMEM;
	return finding->lookups->how.opens ? open_it(finding, target, row)
					   : WP_OK;
}

/* Room for one more target, at the end; NULL: out of memory */
static struct wp_target *next_target(struct wp_lookup *lookup)
{
	struct wp_target *more =
		realloc(lookup->targets, (lookup->n + 1) * sizeof(*more));

	if (more == NULL)
		return NULL;
	lookup->targets = more;
	return &more[lookup->n];
}

/* Can it be told anything? What nobody has verified only its code, while that
 * is good. */
static bool is_to_be_told(const struct finding *finding,
			  const struct wp_push_row *row)
{
	char name[WP_TARGET_NAME_LEN + 1], once[WP_PUSH_ONCE_MAX + 1];

	if (row->state != WP_PUSH_UNVERIFIED)
		return row->state != WP_PUSH_GONE;
	name[wp_base64url_encode(row->id, sizeof(row->id), name)] = '\0';
	wp_push_once_code(once, name);
	return strcmp(finding->lookup->once, once) == 0 &&
	       row->code_s > wp_wall_ms() / MS_PER_S - WP_PUSH_CODE_SECONDS;
}

static void on_row(void *ctx, const struct wp_push_row *row)
{
	struct finding *finding = ctx;
	enum wp_push_kind kind;
	struct wp_target *target;
	enum wp_err rc;

	if (!is_to_be_told(finding, row) || finding->is_short)
		return;
	wp_platforms_add(&finding->platforms, row);
	if (!wp_push_kind_named(row->kind, &kind))
		return;
	target = next_target(finding->lookup);
	rc = target != NULL ? take_row(finding, target, kind, row)
			    : WP_ERR_NOMEM;
	finding->lookup->n += rc == WP_OK;
	finding->is_short = rc == WP_ERR_NOMEM;
}

/* NULL: out of memory */
static const char *platforms_text(const struct finding *finding)
{
	struct wp_buf text;
	const char *copied = NULL;

	wp_buf_init(&text, 0);
	wp_platforms_write(&finding->platforms, &text);
	if (!text.failed)
		copied = copy(finding->lookup, text.data);
	wp_buf_release(&text);
	return copied;
}

/* A service is known without its being opened. */
static void add_service(struct finding *finding, enum wp_push_kind kind)
{
	struct wp_lookup *lookup = finding->lookup;
	struct wp_addressee *to = wp_arena_alloc(&lookup->texts, sizeof(*to));
	struct wp_target *target = next_target(lookup);
	const char *platforms = platforms_text(finding);

	if (to == NULL || target == NULL || platforms == NULL) {
		finding->is_short = true;
		return;
	}
	*to = (struct wp_addressee){
		.kind = kind,
		.app = "",
		.account = "",
		.user = lookup->user.text,
		.platforms = platforms,
	};
	*target = (struct wp_target){
		.user = &lookup->user,
		.kind = kind,
		.app = "",
		.device = "",
		.to = to,
	};
	wp_service_name(target->name, kind, lookup->partition);
	lookup->n++;
}

static void add_services(struct finding *finding)
{
	const struct wp_lookups_how *how = &finding->lookups->how;

	if (how->has_bus)
		add_service(finding, WP_PUSH_BUS);
	if (how->has_event)
		add_service(finding, WP_PUSH_EVENT);
}

/* Who has said nothing, or what nobody can read, has what holds for all. */
static enum wp_err read_prefs(struct wp_store *store, struct wp_lookup *lookup,
			      struct wp_error *err)
{
	struct wp_buf json;
	enum wp_err rc;

	wp_buf_init(&json, WP_PUSH_PREFS_MAX);
	rc = wp_push_prefs(store, &lookup->user, &json, err);
	if (rc == WP_OK && json.failed)
		rc = wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	if (rc == WP_ERR_NOTFOUND ||
	    (rc == WP_OK && wp_prefs_read(&lookup->prefs, json.data, json.len,
					  NULL) != WP_OK)) {
		wp_prefs_init(&lookup->prefs);
		rc = WP_OK;
	}
	wp_buf_release(&json);
	return rc;
}

static enum wp_err look_up(const struct wp_lookups *lookups,
			   struct wp_store *store, struct wp_lookup *lookup,
			   struct wp_error *err)
{
	struct finding finding = { .lookups = lookups, .lookup = lookup };
	const struct wp_push_list list = {
		.user = &lookup->user,
		.on_row = on_row,
		.ctx = &finding,
	};
	enum wp_err rc = wp_push_list(store, &list, err);

	if (rc == WP_OK)
		add_services(&finding);
	if (rc == WP_OK && finding.is_short)
		rc = wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	if (rc == WP_OK && lookup->n > 0)
		rc = read_prefs(store, lookup, err);
	return rc;
}

/* The first that fails is not the last. */
static enum wp_err run(struct wp_store_job *job, struct wp_store *store,
		       struct wp_error *err)
{
	struct wp_lookups *lookups = (struct wp_lookups *)job;
	enum wp_err rc = WP_OK;

	for (size_t i = 0; rc == WP_OK && i < lookups->n; i++) {
		rc = look_up(lookups, store, lookups->asked[i], err);
		lookups->asked[i]->result = rc;
	}
	return rc;
}

/* ---- on the loop's ---- */

static void on_done(struct wp_store_job *job, enum wp_err result)
{
	struct wp_lookups *lookups = (struct wp_lookups *)job;
	size_t n = lookups->n;

	lookups->is_busy = false;
	lookups->n = 0;
	for (size_t i = 0; i < n; i++)
		lookups->setup.on_found(lookups->setup.ctx, lookups->asked[i]);
	lookups->setup.on_job(lookups->setup.ctx, result);
	wp_lookups_go(lookups);
}

enum wp_err wp_lookups_new(struct wp_lookups **out,
			   const struct wp_lookups_setup *setup,
			   struct wp_error *err)
{
	struct wp_lookups *lookups = calloc(1, sizeof(*lookups));

	if (lookups == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	lookups->setup = *setup;
	lookups->last = &lookups->first;
	lookups->job.run = run;
	lookups->job.done = on_done;
	*out = lookups;
	return WP_OK;
}

void wp_lookups_free(struct wp_lookups **lookups)
{
	free(*lookups);
	*lookups = NULL;
}

void wp_lookups_use(struct wp_lookups *lookups,
		    const struct wp_lookups_how *how)
{
	lookups->next_how = *how;
}

void wp_lookups_add(struct wp_lookups *lookups, struct wp_lookup *lookup)
{
	lookup->result = WP_ERR_UNAVAIL;
	wp_arena_init(&lookup->texts, (size_t)DEVICES_MAX * DEVICE_MAX);
	lookup->texts.is_secret = true;
	lookup->next = NULL;
	*lookups->last = lookup;
	lookups->last = &lookup->next;
}

bool wp_lookups_remove(struct wp_lookups *lookups, struct wp_lookup *lookup)
{
	struct wp_lookup **link = &lookups->first;

	while (*link != NULL && *link != lookup)
		link = &(*link)->next;
	if (*link == NULL)
		return false;
	*link = lookup->next;
	if (lookups->last == &lookup->next)
		lookups->last = link;
	return true;
}

void wp_lookups_go(struct wp_lookups *lookups)
{
	struct wp_lookup *lookup;

	if (lookups->is_busy || lookups->is_ended)
		return;
	while (lookups->n < WP_LOOKUPS_AT_ONCE &&
	       (lookup = lookups->first) != NULL) {
		lookups->first = lookup->next;
		if (lookups->first == NULL)
			lookups->last = &lookups->first;
		lookups->asked[lookups->n++] = lookup;
	}
	if (lookups->n == 0)
		return;
	lookups->is_busy = true;
	lookups->how = lookups->next_how;
	if (wp_store_thread_submit(lookups->setup.store, &lookups->job) !=
	    WP_OK)
		on_done(&lookups->job, WP_ERR_FULL);
}

void wp_lookups_end(struct wp_lookups *lookups)
{
	lookups->is_ended = true;
}

void wp_lookup_release(struct wp_lookup *lookup)
{
	wp_arena_release(&lookup->texts);
	free(lookup->targets);
	lookup->targets = NULL;
	lookup->n = 0;
}
