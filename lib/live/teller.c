/*
 * teller.c - who waits to be told of, what goes into a call, what becomes of
 * it, and disconnects, each a call of its own.
 *
 * Connections are told of in the order in which they came, and no disconnect
 * overtakes another connection of the same user: at the user's limit it would
 * matter who was first. Knows the hub's members and one Redis connection; when
 * an incarnation ends and begins is the registrar's affair.
 */
#include "lib/live/teller.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <ev.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/mailbox/scripts.h"

enum {
	/* Connections of a resync that wait or are under way: enough to fill
	 * the pipe, few enough that a heartbeat behind them is not late. Others
	 * do not count: clients that keep Redis busy hold up nobody else. */
	RESYNC_WINDOW = 256,
	FIRST_CAP = 64,
	QUEUE_KEPT = 4096, /* a burst need not stay for ever */
	LOG_INTERVAL_MS = 10000,
};

/* Why a connection is told to Redis. */
enum why {
	NEW,
	RESYNC, /* a new incarnation, or one more try */
	UPDATE, /* what is told of it changed */
};

/* Somebody to tell of. */
struct item {
	uint64_t number;
	uint16_t partition;
	enum why why;
};

/* Of this incarnation. */
struct connect_call {
	struct wp_teller *teller;
	uint32_t epoch;
	size_t n;
	struct item items[WP_TELLER_CALL_MAX]; /* by partition */
};

/* Of this incarnation. Many leave at once: it has the size of its text. */
struct disconnect {
	struct disconnect *next;
	struct wp_teller *teller;
	uint64_t number;
	int64_t grace_ms;
	uint32_t epoch;
	uint16_t partition;
	uint16_t len;
	char text[]; /* of the box, and its NUL */
};

struct wp_teller {
	struct ev_loop *loop;
	struct wp_hub *hub;
	const struct wp_incarnation *now;
	const char *protocol;
	struct wp_teller_rules rules;
	struct wp_teller_hooks hooks;
	struct wp_log log;
	struct wp_log_limit log_limit;
	struct wp_aredis *redis; /* NULL while suspended */
	struct wp_cmd cmd;       /* reused for every command */
	uint32_t partitions;
	uint32_t *joined; /* per partition: epoch that joined it last */

	/* Who waits to be told of, first in, first out. */
	struct item *queue;
	size_t head;
	size_t n_queued; /* behind head */
	size_t cap;
	size_t n_calls;
	ev_prepare prepare; /* active: somebody waits, and a call may set out */

	struct wp_incarnation before; /* the last one that told of all */
	bool is_resyncing;
	bool has_looked;    /* at all slots, since none was refused */
	size_t cursor;      /* next slot of the hub to look at */
	bool has_refused;   /* somebody is to be tried again */
	size_t n_resyncing; /* waiting or under way because of that */

	size_t n_disconnecting;
	struct disconnect *again; /* refused ones, for the next try */
};

/* Redis should not have refused that. */
static void complain(struct wp_teller *teller, const char *event,
		     const char *reply)
{
	uint32_t suppressed;

	if (wp_log_allow(&teller->log_limit, wp_mono_ms(), LOG_INTERVAL_MS,
			 &suppressed))
		wp_log(&teller->log, WP_LOG_WARN, event, wp_str("reply", reply),
		       wp_int("suppressed", suppressed));
}

/* The member with this number, unless it is going: then its disconnect is on
 * the way. */
static struct wp_member *find(const struct wp_teller *teller, uint64_t number)
{
	struct wp_member *member = wp_hub_find(teller->hub, number);

	return member != NULL && member->user != NULL ? member : NULL;
}

/* ---- who waits ---- */

static bool has_room(struct wp_teller *teller)
{
	size_t cap = teller->cap == 0 ? FIRST_CAP : teller->cap * 2;
	struct item *queue;

	if (teller->head + teller->n_queued < teller->cap)
		return true;
	if (teller->head > 0 && teller->head >= teller->n_queued) {
		memmove(teller->queue, teller->queue + teller->head,
			teller->n_queued * sizeof(*queue));
		teller->head = 0;
		return true;
	}
	queue = realloc(teller->queue, cap * sizeof(*queue));
	if (queue == NULL)
		return false;
	teller->queue = queue;
	teller->cap = cap;
	return true;
}

/* False without memory. */
static bool enqueue(struct wp_teller *teller, struct wp_member *member,
		    enum why why)
{
	if (!has_room(teller))
		return false;
	teller->queue[teller->head + teller->n_queued++] =
		(struct item){ .number = member->number,
			       .partition = member->user->partition,
			       .why = why };
	teller->n_resyncing += why == RESYNC;
	member->told.is_queued = true;
	member->told.is_telling = true;
	ev_prepare_start(teller->loop, &teller->prepare);
	return true;
}

static struct item take_first(struct wp_teller *teller)
{
	struct item first = teller->queue[teller->head++];

	if (--teller->n_queued > 0)
		return first;
	teller->head = 0;
	if (teller->cap > QUEUE_KEPT) {
		free(teller->queue);
		teller->queue = NULL;
		teller->cap = 0;
	}
	return first;
}

/* ---- what goes wrong with them ---- */

/* It could not be told of: another try comes. */
static void refuse(struct wp_teller *teller, const struct item *item,
		   struct wp_member *member)
{
	/* Redis may know it all the same: when it leaves, it is taken back like
	 * others. */
	member->told.is_queued = false;
	member->told.is_telling = false;
	member->told.is_refused = true;
	teller->has_refused = true;
	if (item->why != UPDATE)
		teller->hooks.on_refused(teller->hooks.ctx, member);
}

static void refuse_item(struct wp_teller *teller, const struct item *item)
{
	struct wp_member *member = find(teller, item->number);

	teller->n_resyncing -= item->why == RESYNC;
	if (member != NULL)
		refuse(teller, item, member);
}

/* A call that did not set out: lost, and a new incarnation starts over; or
 * there is no room, and the next try does. */
static void fail(struct connect_call *call)
{
	call->teller->is_resyncing = false;
	call->teller->has_looked = false;
	for (size_t i = 0; i < call->n; i++)
		refuse_item(call->teller, &call->items[i]);
	free(call);
}

/* ---- what becomes of them ---- */

static void go_on(struct wp_teller *teller);

static void judge(struct wp_teller *teller, const struct item *item,
		  struct wp_member *member,
		  const struct wp_presence_connected *answer)
{
	member->told.is_telling = false;
	member->told.since_ms = answer->since_ms;
	if (item->why != UPDATE)
		teller->hooks.on_registered(teller->hooks.ctx, member,
					    answer->pending);
	/* What changed while the call was under way. */
	if (member->user != NULL && member->told.is_news_owed)
		wp_teller_update(teller, member);
}

static void take_answer(const struct connect_call *call, size_t i,
			const struct wp_reply *reply)
{
	struct wp_teller *teller = call->teller;
	const struct item *item = &call->items[i];
	struct wp_member *member = find(teller, item->number);
	struct wp_presence_connected answer;

	teller->n_resyncing -= item->why == RESYNC;
	/* A resync that has begun since registers it anew and tells then. */
	if (call->epoch != teller->now->epoch)
		return;
	if (wp_presence_connect_parse(reply, i, &answer) != WP_OK) {
		if (reply != NULL)
			complain(teller, "connect refused", answer.problem);
		if (member != NULL)
			refuse(teller, item, member);
	} else if (answer.is_gone) {
		if (member != NULL)
			member->told.is_telling = false;
		teller->hooks.on_gone(teller->hooks.ctx);
	} else if (member != NULL) {
		judge(teller, item, member, &answer);
	}
}

static void on_connect_reply(void *ctx, const struct wp_reply *reply)
{
	struct connect_call *call = ctx;
	struct wp_teller *teller = call->teller;

	teller->n_calls--;
	for (size_t i = 0; i < call->n; i++)
		take_answer(call, i, reply);
	free(call);
	if (teller->redis != NULL)
		go_on(teller);
	if (teller->n_queued > 0)
		ev_prepare_start(teller->loop, &teller->prepare);
	teller->hooks.on_progress(teller->hooks.ctx);
}

/* ---- a call ---- */

static void on_join_reply(void *ctx, const struct wp_reply *reply)
{
	struct wp_teller *teller = ctx;

	if (reply != NULL && wp_script_done(reply) != WP_OK)
		teller->hooks.on_useless(teller->hooks.ctx, "join refused",
					 reply);
}

static enum wp_err join_once(struct wp_teller *teller, uint32_t partition)
{
	enum wp_err rc;

	if (wp_teller_has_joined(teller, partition))
		return WP_OK;
	wp_presence_join_build(&teller->cmd, partition, teller->now->name);
	rc = wp_aredis_do(teller->redis, &teller->cmd, on_join_reply, teller);
	if (rc == WP_OK)
		teller->joined[partition] = teller->now->epoch;
	return rc;
}

/*
 * A connection that was registered under the incarnation before is taken away
 * there first: at the user's limit its ghost would evict a living one.
 */
static enum wp_err drop_ghost(struct wp_teller *teller,
			      const struct wp_member *member)
{
	char name[WP_CONNECTION_MAX + 1];
	struct wp_box box;

	if (member->told.epoch == 0 ||
	    member->told.epoch != teller->before.epoch ||
	    member->told.epoch == teller->now->epoch)
		return WP_OK;
	wp_user_box(member->user, &box);
	wp_connection_name(name, teller->before.name, member->number);
	wp_presence_disconnect_build(&teller->cmd, teller->rules.conf, &box,
				     name, teller->rules.grace_ms);
	return wp_aredis_do(teller->redis, &teller->cmd, NULL, NULL);
}

/* Behind all others of its partition. */
static void add(struct connect_call *call, const struct item *item)
{
	size_t at = call->n++;

	while (at > 0 && call->items[at - 1].partition > item->partition) {
		call->items[at] = call->items[at - 1];
		at--;
	}
	call->items[at] = *item;
}

/* Those who wait, but for who is gone by now. */
static void fill(struct connect_call *call)
{
	struct wp_teller *teller = call->teller;

	while (call->n < WP_TELLER_CALL_MAX && teller->n_queued > 0) {
		struct item item = take_first(teller);

		if (find(teller, item.number) == NULL)
			teller->n_resyncing -= item.why == RESYNC;
		else
			add(call, &item);
	}
}

static enum wp_err clear_the_way(const struct connect_call *call)
{
	enum wp_err rc = WP_OK;

	for (size_t i = 0; i < call->n && rc == WP_OK; i++) {
		const struct item *item = &call->items[i];

		rc = join_once(call->teller, item->partition);
		if (rc == WP_OK)
			rc = drop_ghost(call->teller,
					find(call->teller, item->number));
	}
	return rc;
}

static void build(const struct connect_call *call)
{
	struct wp_teller *teller = call->teller;
	char names[WP_TELLER_CALL_MAX][WP_CONNECTION_MAX + 1];
	struct wp_presence_connect list[WP_TELLER_CALL_MAX];
	const struct wp_presence_teller by = {
		.incarnation = teller->now->name,
		.protocol = teller->protocol,
		.max_per_user = teller->rules.max_per_user,
	};

	for (size_t i = 0; i < call->n; i++) {
		const struct wp_member *member =
			find(teller, call->items[i].number);
		const char *chat =
			teller->hooks.chat(teller->hooks.ctx, member);

		wp_connection_name(names[i], teller->now->name, member->number);
		list[i] = (struct wp_presence_connect){
			.partition = member->user->partition,
			.urn = member->user->text,
			.urn_len = member->user->len,
			.connection = names[i],
			.device = "", /* nobody knows it yet */
			.chat = chat == NULL ? "" : chat,
			.since_ms = member->told.since_ms,
		};
	}
	wp_presence_connect_build(&teller->cmd, wp_aredis_run_id(teller->redis),
				  &by, list, call->n);
}

static void note_sent(const struct connect_call *call)
{
	struct wp_teller *teller = call->teller;

	for (size_t i = 0; i < call->n; i++) {
		struct wp_member *member = find(teller, call->items[i].number);

		member->told.epoch = call->epoch;
		member->told.is_queued = false;
		member->told.is_news_owed = false;
		member->told.is_refused = false;
	}
	teller->n_calls++;
}

/* Takes call. */
static void set_out(struct connect_call *call)
{
	struct wp_teller *teller = call->teller;
	enum wp_err rc = clear_the_way(call);

	if (rc == WP_OK) {
		build(call);
		rc = wp_aredis_do(teller->redis, &teller->cmd, on_connect_reply,
				  call);
	}
	if (rc == WP_OK)
		note_sent(call);
	else
		fail(call);
}

/* So that no more than so many calls are under way. */
static void send_queued(struct wp_teller *teller, size_t calls_max)
{
	while (teller->redis != NULL && teller->n_queued > 0 &&
	       teller->n_calls < calls_max) {
		struct connect_call *call = malloc(sizeof(*call));

		if (call == NULL) {
			struct item item = take_first(teller);

			refuse_item(teller, &item);
			continue;
		}
		call->teller = teller;
		call->epoch = teller->now->epoch;
		call->n = 0;
		fill(call);
		if (call->n > 0)
			set_out(call);
		else
			free(call);
	}
}

/* ---- all of them ---- */

static bool is_to_resync(const struct wp_teller *teller,
			 const struct wp_member *member)
{
	return member != NULL && member->user != NULL &&
	       !member->told.is_queued &&
	       (member->told.epoch != teller->now->epoch ||
		member->told.is_refused);
}

static void resync_some(struct wp_teller *teller)
{
	while (teller->is_resyncing && teller->n_resyncing < RESYNC_WINDOW) {
		struct wp_member *member;

		if (teller->cursor >= wp_hub_slots(teller->hub)) {
			teller->is_resyncing = false;
			teller->has_looked = true;
			return;
		}
		member = wp_hub_at(teller->hub, teller->cursor++);
		if (is_to_resync(teller, member) &&
		    !enqueue(teller, member, RESYNC)) {
			teller->is_resyncing = false;
			teller->has_refused = true;
		}
	}
}

/* From now on a loss leaves ghosts of this incarnation. */
static void note_all_told(struct wp_teller *teller)
{
	if (!teller->has_looked || teller->n_resyncing > 0)
		return;
	teller->has_looked = false;
	teller->before = *teller->now;
}

static void go_on(struct wp_teller *teller)
{
	resync_some(teller);
	note_all_told(teller);
}

static void on_prepare(struct ev_loop *loop, ev_prepare *prepare, int events)
{
	struct wp_teller *teller = prepare->data;

	(void)events;
	ev_prepare_stop(loop, prepare);
	send_queued(teller, WP_TELLER_CALLS);
	/* When all who waited were gone, no answer will come to go on with. */
	while (teller->n_calls == 0 &&
	       (teller->is_resyncing || teller->has_looked)) {
		go_on(teller);
		send_queued(teller, WP_TELLER_CALLS);
	}
	teller->hooks.on_progress(teller->hooks.ctx); /* some may be gone */
}

static void begin_resync(struct wp_teller *teller)
{
	teller->has_looked = false;
	teller->has_refused = false;
	teller->is_resyncing = true;
	teller->cursor = 0;
	go_on(teller);
}

/* ---- taking connections away ---- */

/* Takes call: it is sent again with the next try. */
static void keep_for_later(struct disconnect *call)
{
	call->next = call->teller->again;
	call->teller->again = call;
}

static void on_disconnect_reply(void *ctx, const struct wp_reply *reply)
{
	struct disconnect *call = ctx;
	struct wp_teller *teller = call->teller;

	teller->n_disconnecting--;
	if (reply == NULL || call->epoch != teller->now->epoch ||
	    wp_script_done(reply) == WP_OK) {
		/* Lost: the whole incarnation is the reaper's now. */
		free(call);
	} else {
		complain(teller, "disconnect refused", wp_reply_str(reply));
		keep_for_later(call);
	}
	teller->hooks.on_progress(teller->hooks.ctx);
}

/* Takes call. */
static void send_disconnect(struct disconnect *call)
{
	struct wp_teller *teller = call->teller;
	char name[WP_CONNECTION_MAX + 1];
	struct wp_box box;
	enum wp_err rc;

	box.partition = call->partition;
	box.len = call->len;
	memcpy(box.text, call->text, call->len + 1U);
	wp_connection_name(name, teller->now->name, call->number);
	wp_presence_disconnect_build(&teller->cmd, teller->rules.conf, &box,
				     name, call->grace_ms);
	rc = wp_aredis_do(teller->redis, &teller->cmd, on_disconnect_reply,
			  call);
	if (rc == WP_OK)
		teller->n_disconnecting++;
	else if (rc == WP_ERR_UNAVAIL)
		free(call); /* lost, as above */
	else
		keep_for_later(call); /* there is no room now */
}

static void disconnect_again(struct wp_teller *teller)
{
	struct disconnect *list = teller->again;

	teller->again = NULL;
	while (list != NULL) {
		struct disconnect *next = list->next;

		send_disconnect(list);
		list = next;
	}
}

static void forget_disconnects(struct wp_teller *teller)
{
	while (teller->again != NULL) {
		struct disconnect *call = teller->again;

		teller->again = call->next;
		free(call);
	}
}

static bool has_others_queued(const struct wp_member *member)
{
	for (const struct wp_member *m = member->user->members; m != NULL;
	     m = m->next)
		if (m != member && m->told.is_queued)
			return true;
	return false;
}

/* ---- for the registrar ---- */

enum wp_err wp_teller_new(struct wp_teller **out,
			  const struct wp_teller_setup *setup,
			  struct wp_error *err)
{
	struct wp_teller *teller = calloc(1, sizeof(*teller));

	if (teller == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	teller->joined = calloc(setup->partitions, sizeof(*teller->joined));
	if (teller->joined == NULL) {
		free(teller);
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	}
	teller->loop = setup->loop;
	teller->hub = setup->hub;
	teller->now = setup->now;
	teller->partitions = setup->partitions;
	teller->protocol = setup->protocol;
	teller->rules = setup->rules;
	teller->hooks = setup->hooks;
	teller->log.component = "registrar";
	wp_cmd_init(&teller->cmd);
	ev_prepare_init(&teller->prepare, on_prepare);
	teller->prepare.data = teller;
	*out = teller;
	return WP_OK;
}

void wp_teller_free(struct wp_teller **teller_ptr)
{
	struct wp_teller *teller = *teller_ptr;

	*teller_ptr = NULL;
	if (teller == NULL)
		return;
	assert(teller->n_calls == 0 && teller->n_disconnecting == 0);
	ev_prepare_stop(teller->loop, &teller->prepare);
	forget_disconnects(teller);
	wp_cmd_release(&teller->cmd);
	free(teller->queue);
	free(teller->joined);
	free(teller);
}

void wp_teller_use(struct wp_teller *teller,
		   const struct wp_teller_rules *rules)
{
	teller->rules = *rules;
}

void wp_teller_resume(struct wp_teller *teller, struct wp_aredis *redis)
{
	teller->redis = redis;
	begin_resync(teller);
}

void wp_teller_suspend(struct wp_teller *teller)
{
	if (teller->redis == NULL)
		return;
	teller->redis = NULL;
	teller->is_resyncing = false;
	teller->has_looked = false;
	forget_disconnects(teller);
	while (teller->n_queued > 0) {
		struct item item = take_first(teller);

		refuse_item(teller, &item);
	}
}

void wp_teller_add(struct wp_teller *teller, struct wp_member *member)
{
	if (teller->redis == NULL || !enqueue(teller, member, NEW))
		teller->hooks.on_refused(teller->hooks.ctx, member);
}

void wp_teller_update(struct wp_teller *teller, struct wp_member *member)
{
	/* The resync to come carries the news, or the next try; and it pokes
	 * for what has come meanwhile, which an update does not. Who waits is
	 * looked at when the call sets out. */
	if (teller->redis == NULL || member->told.is_queued ||
	    member->told.epoch != teller->now->epoch || member->told.is_refused)
		return;
	if (member->told.is_telling) {
		member->told.is_news_owed = true;
	} else if (!enqueue(teller, member, UPDATE)) {
		member->told.is_refused = true;
		teller->has_refused = true;
	}
}

void wp_teller_remove(struct wp_teller *teller, struct wp_member *member,
		      int64_t grace_ms)
{
	const struct wp_user *user = member->user;
	struct disconnect *call;

	if (teller->redis == NULL || member->told.epoch != teller->now->epoch)
		return; /* what Redis knows of it is a ghost for the reaper */
	if (has_others_queued(member))
		send_queued(teller, SIZE_MAX);
	call = malloc(offsetof(struct disconnect, text) + user->len + 1U);
	if (call == NULL) {
		/* Nobody would ever take it offline but the reaper. */
		wp_aredis_reset(teller->redis);
		return;
	}
	call->next = NULL;
	call->teller = teller;
	call->number = member->number;
	call->grace_ms = grace_ms;
	call->epoch = teller->now->epoch;
	call->partition = user->partition;
	call->len = user->len;
	memcpy(call->text, user->text, user->len + 1U);
	member->told.epoch = 0;
	send_disconnect(call);
}

void wp_teller_retry(struct wp_teller *teller)
{
	disconnect_again(teller);
	if (teller->has_refused && !teller->is_resyncing)
		begin_resync(teller);
}

bool wp_teller_has_joined(const struct wp_teller *teller, uint32_t partition)
{
	return teller->joined[partition] == teller->now->epoch;
}

bool wp_teller_is_busy(const struct wp_teller *teller)
{
	return teller->n_queued > 0 || teller->n_calls > 0 ||
	       teller->n_disconnecting > 0;
}
