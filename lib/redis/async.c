/*
 * async.c - a connection that comes back by itself: when to connect, sending,
 * handing out answers in order, what its loss means to those who wait, when
 * silence is a loss.
 *
 * Whatever goes wrong closes the socket at once, but callbacks are told from
 * the loop a moment later: neither a write nor wp_aredis_reset() runs code of
 * the caller under the caller's feet.
 *
 * hiredis opens the socket and parses answers; the queue of callbacks is ours.
 * (hiredis' own, async.c, assert()s on answers that a server may well give:
 * an UNSUBSCRIBE too many, or a message of a kind it does not know, would end
 * the daemon.) Nothing here knows what the commands mean.
 */
#include "lib/redis/async.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <ev.h>
#include <hiredis/hiredis.h>

#include "lib/base/backoff.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/redis/link.h"
#include "lib/redis/room.h"
#include "lib/redis/waiting.h"

enum {
	OUT_KEPT = 256 * 1024,
	IN_KEPT = 64 * 1024,
	READ_BYTES = 16 * 1024, /* at a time */
	LOG_INTERVAL_MS = 10000,
};
enum { REASON_MAX = 200 };

enum state {
	DOWN,    /* waits for the timer to connect */
	DIALING, /* the socket is not connected yet */
	SHAKING, /* connected; the handshake is under way */
	READY,
	LOST, /* closed; callbacks are to be told by the timer */
};

struct wp_aredis {
	struct ev_loop *loop;                /* borrowed */
	const struct wp_conf *conf;          /* borrowed */
	const struct wp_script_set *scripts; /* borrowed */
	struct wp_aredis_hooks hooks;
	struct wp_log log;
	struct wp_log_limit log_limit;
	struct wp_log_limit refusal_limit;
	char *name;
	struct wp_link_addr addr;

	enum state state;
	struct redisContext *link;  /* NULL in DOWN and LOST */
	struct wp_reply_room *room; /* owned; outlives link */
	struct wp_handshake hs;
	bool is_subscriber; /* has sent a (P)SUBSCRIBE */
	bool was_ready;     /* on_ready ran, on_lost has not */
	struct wp_backoff backoff;
	char reason[REASON_MAX]; /* of the last loss */

	struct wp_waiting_ring pending;
	uint64_t heard_ms; /* when the server last said anything */
	struct wp_buf out; /* bytes to be sent; those before sent are out */
	size_t sent;
	struct wp_buf in;    /* a subscriber's, not read yet */
	bool is_answer_open; /* the next bytes of it are an answer's */

	unsigned int depth; /* calls out to the owner under way */
	bool is_doomed;     /* freed in one of them */

	struct ev_io readable;
	struct ev_io writable;   /* while dialing, or the socket is full */
	struct ev_prepare flush; /* while connected, behind all others */
	struct ev_timer timer;   /* what for depends on the state */
	uint64_t deadline_ms;    /* of the timer */
};

/* ---- the timer ---- */

/*
 * (Re)start the timer. The loop's own time may be old when a callback took
 * long, so its callback compares with deadline_ms and does not trust its call.
 */
static void arm(struct wp_aredis *redis, int64_t delay_ms)
{
	redis->deadline_ms = wp_mono_ms() + (uint64_t)delay_ms;
	ev_timer_stop(redis->loop, &redis->timer);
	ev_timer_set(&redis->timer, (double)delay_ms / 1000.0, 0.0);
	ev_timer_start(redis->loop, &redis->timer);
}

/* ---- losing it ---- */

/* All is out, or nobody is there any more to send it to. */
static void forget_out(struct wp_aredis *redis)
{
	redis->sent = 0;
	/* The password went through it, and a burst need not stay for ever. */
	if (redis->state != READY && redis->out.data != NULL)
		explicit_bzero(redis->out.data, redis->out.cap);
	if (redis->out.cap > OUT_KEPT)
		wp_buf_release(&redis->out);
	else
		wp_buf_clear(&redis->out);
}

/* Stop all watchers, close the socket. Idempotent. */
static void close_link(struct wp_aredis *redis)
{
	ev_io_stop(redis->loop, &redis->readable);
	ev_io_stop(redis->loop, &redis->writable);
	ev_prepare_stop(redis->loop, &redis->flush);
	ev_timer_stop(redis->loop, &redis->timer);
	if (redis->link != NULL)
		redisFree(redis->link);
	redis->link = NULL;
	forget_out(redis);
	redis->is_subscriber = false;
}

/*
 * The connection is of no use any more, for this reason: close it at once,
 * tell everybody from the loop. Nothing happens when it is down already.
 */
static void drop(struct wp_aredis *redis, const char *reason)
{
	uint32_t suppressed = 0;

	if (redis->state == DOWN || redis->state == LOST)
		return;
	/* A server that stays away is worth a line now and then. */
	if (redis->was_ready || wp_log_allow(&redis->log_limit, wp_mono_ms(),
					     LOG_INTERVAL_MS, &suppressed))
		wp_log(&redis->log, WP_LOG_WARN,
		       redis->was_ready ? "redis lost"
					: "redis cannot be reached",
		       wp_str("connection", redis->name),
		       wp_str("reason", reason),
		       wp_int("unanswered", (int64_t)redis->pending.n),
		       wp_int("suppressed", suppressed));
	(void)snprintf(redis->reason, sizeof(redis->reason), "%s", reason);
	close_link(redis);
	redis->state = LOST;
	arm(redis, 0);
}

static void free_now(struct wp_aredis *redis)
{
	wp_waiting_release(&redis->pending);
	wp_buf_release(&redis->out);
	wp_buf_release(&redis->in);
	wp_reply_room_free(&redis->room);
	free(redis->name);
	free(redis);
}

/* Around every call of the owner's code: it may free us. */
static void enter(struct wp_aredis *redis)
{
	redis->depth++;
}

/* False when redis is gone; nothing of it may be touched then. */
static bool leave(struct wp_aredis *redis)
{
	redis->depth--;
	if (!redis->is_doomed)
		return true;
	if (redis->depth == 0)
		free_now(redis);
	return false;
}

/* ---- sending ---- */

/*
 * Queue bytes; they leave when the loop is about to wait.
 *
 * Errors:  WP_ERR_FULL, WP_ERR_NOMEM
 */
static enum wp_err append(struct wp_aredis *redis, const struct wp_cmd *cmd)
{
	size_t waiting = redis->out.len - redis->sent;
	size_t before = redis->out.len;
	char head[WP_CMD_HEAD_MAX];
	size_t len = wp_cmd_head(cmd, head);

	if (cmd->words.failed)
		return WP_ERR_NOMEM;
	if (waiting + len + cmd->words.len > WP_AREDIS_UNSENT_MAX)
		return WP_ERR_FULL;
	wp_buf_add(&redis->out, head, len);
	wp_buf_add(&redis->out, cmd->words.data, cmd->words.len);
	if (redis->out.failed) {
		redis->out.failed = false; /* what was in there still is */
		redis->out.len = before;
		return WP_ERR_NOMEM;
	}
	return WP_OK;
}

/* Send what the socket takes; false when it is of no use any more. */
static bool send_some(struct wp_aredis *redis)
{
	while (redis->sent < redis->out.len) {
		ssize_t n = send(redis->link->fd, redis->out.data + redis->sent,
				 redis->out.len - redis->sent,
				 MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n >= 0)
			redis->sent += (size_t)n;
		else if (errno == EAGAIN || errno == EWOULDBLOCK)
			return true;
		else if (errno != EINTR)
			return false;
	}
	return true;
}

/*
 * hiredis would move all that is left after each write, which takes a second
 * for 64 MB; here it is moved when that is the smaller half.
 */
static void flush(struct wp_aredis *redis)
{
	if (!send_some(redis)) {
		drop(redis, strerror(errno));
		return;
	}
	if (redis->sent == redis->out.len) {
		forget_out(redis);
		ev_io_stop(redis->loop, &redis->writable);
		return;
	}
	if (redis->sent > redis->out.len / 2) {
		wp_buf_consume(&redis->out, redis->sent);
		redis->sent = 0;
	}
	ev_io_start(redis->loop, &redis->writable);
}

static void on_flush(struct ev_loop *loop, struct ev_prepare *w, int revents)
{
	struct wp_aredis *redis = w->data;

	(void)loop;
	(void)revents;
	if (redis->out.len > 0 && !ev_is_active(&redis->writable))
		flush(redis);
}

/* ---- connecting ---- */

/* Begin to connect. */
static void dial(struct wp_aredis *redis)
{
	struct wp_error err = { 0 };
	int fd;

	redis->state = DIALING;
	if (wp_link_open(&redis->link, &redis->addr, -1, &err) != WP_OK) {
		drop(redis, err.msg);
		return;
	}
	wp_reply_room_clear(redis->room); /* one was half read, perhaps */
	wp_reply_room_use(redis->room, redis->link);
	wp_buf_clear(&redis->in);
	redis->is_answer_open = false;
	fd = redis->link->fd;
	ev_io_set(&redis->readable, fd, EV_READ);
	ev_io_set(&redis->writable, fd, EV_WRITE);
	ev_io_start(redis->loop, &redis->writable);
	arm(redis, redis->conf->redis.connect_timeout_ms);
}

/* Say the next part of the handshake, or be ready. False: redis is gone. */
static bool shake(struct wp_aredis *redis)
{
	struct wp_cmd cmd;
	enum wp_err rc = WP_OK;

	if (wp_handshake_is_done(&redis->hs)) {
		ev_timer_stop(redis->loop, &redis->timer);
		redis->state = READY;
		redis->was_ready = true;
		wp_log(&redis->log, WP_LOG_INFO, "redis ready",
		       wp_str("connection", redis->name));
		enter(redis);
		if (redis->hooks.on_ready != NULL)
			redis->hooks.on_ready(redis->hooks.ctx);
		return leave(redis);
	}
	wp_cmd_init(&cmd);
	while (rc == WP_OK && wp_handshake_next(&redis->hs, &cmd))
		rc = append(redis, &cmd);
	wp_cmd_wipe(&cmd); /* the password went through it */
	if (rc != WP_OK)
		drop(redis, "out of memory");
	return true;
}

static void dialed(struct wp_aredis *redis)
{
	socklen_t len = sizeof(int);
	int error = 0;

	if (getsockopt(redis->link->fd, SOL_SOCKET, SO_ERROR, &error, &len) ==
	    -1)
		error = errno;
	if (error != 0) {
		drop(redis, strerror(error));
		return;
	}
	ev_io_stop(redis->loop, &redis->writable);
	ev_io_start(redis->loop, &redis->readable);
	ev_prepare_start(redis->loop, &redis->flush);
	redis->state = SHAKING;
	wp_handshake_begin(&redis->hs, redis->conf, redis->scripts,
			   redis->name);
	arm(redis, redis->conf->redis.command_timeout_ms);
	(void)shake(redis); /* only begins, so redis cannot be gone */
}

static void on_writable(struct ev_loop *loop, struct ev_io *w, int revents)
{
	struct wp_aredis *redis = w->data;

	(void)loop;
	(void)revents;
	if (redis->state == DIALING)
		dialed(redis);
	else
		flush(redis);
}

/* ---- answers ---- */

/* Nobody waits for this answer; an error must still not pass unseen. */
static void complain(struct wp_aredis *redis, const struct wp_reply *reply)
{
	uint32_t suppressed;

	if (wp_reply_type(reply) == WP_REPLY_ERROR &&
	    wp_log_allow(&redis->refusal_limit, wp_mono_ms(), LOG_INTERVAL_MS,
			 &suppressed))
		wp_log(&redis->log, WP_LOG_WARN, "a command was refused",
		       wp_str("connection", redis->name),
		       wp_str("reply", wp_reply_str(reply)),
		       wp_int("suppressed", suppressed));
}

/* False: redis is gone. */
static bool take_reply(struct wp_aredis *redis, struct wp_reply *reply)
{
	struct wp_waiting *front = wp_waiting_front(&redis->pending);
	struct redisReply *group = NULL;
	struct wp_waiting copy;

	/* This command's outcome is as unknown as that of those behind it. */
	if (front == NULL || wp_reply_is_loss(reply)) {
		drop(redis, front == NULL ? "an answer to no question"
					  : wp_reply_str(reply));
		return true;
	}
	wp_backoff_reset(&redis->backoff); /* it not only shakes hands */
	if (front->group > 0) {
		if (!wp_reply_room_gather(redis->room,
					  (struct redisReply *)reply,
					  front->group, &group))
			drop(redis, "out of memory");
		if (group == NULL)
			return true;
		reply = (struct wp_reply *)group;
	}
	copy = *front;
	/* An error answers a whole (P)SUBSCRIBE, however many channels. */
	if (front->confirmations > 1 &&
	    wp_reply_type(reply) == WP_REPLY_ARRAY) {
		front->confirmations--;
		front->sent_ms = wp_mono_ms();
	} else {
		(void)wp_waiting_pop(&redis->pending);
	}
	if (copy.fn == NULL) {
		complain(redis, reply);
		return true;
	}
	enter(redis);
	copy.fn(copy.ctx, reply);
	return leave(redis);
}

/* False: redis is gone. */
static bool take(struct wp_aredis *redis, struct wp_reply *reply)
{
	struct wp_error err = { 0 };

	if (redis->state == READY)
		return take_reply(redis, reply);
	if (!wp_handshake_is_waiting(&redis->hs)) {
		drop(redis, "an answer to no question");
		return true;
	}
	if (wp_handshake_answer(&redis->hs, reply, &err) != WP_OK) {
		drop(redis, err.msg);
		return true;
	}
	return wp_handshake_is_waiting(&redis->hs) || shake(redis);
}

/*
 * Hand out every answer that hiredis has whole. Each call out may have dropped
 * the link, or us: false when redis is gone.
 */
static bool take_answers(struct wp_aredis *redis)
{
	bool is_here = true;
	void *reply = NULL;

	while (is_here && redis->link != NULL) {
		if (redisGetReplyFromReader(redis->link, &reply) != REDIS_OK) {
			drop(redis, redis->link->errstr);
			break;
		}
		if (reply == NULL)
			break;
		redis->is_answer_open = false;
		is_here = take(redis, reply);
		if (is_here && !wp_reply_room_is_gathering(redis->room))
			wp_reply_room_clear(redis->room);
	}
	return is_here;
}

/* ---- what is published ---- */

/* What is published, whole, and next to each other in the input. */
struct batch {
	struct wp_pushed messages[WP_AREDIS_COMING_MAX];
	size_t n;
	enum wp_pushed_read next; /* what comes behind it */
};

/* From bytes on. Returns: how many bytes it has. */
static size_t read_batch(struct batch *batch, const char *bytes, size_t len)
{
	size_t at = 0;
	size_t used;

	batch->n = 0;
	batch->next = WP_PUSHED_ONE;
	while (at < len && batch->n < WP_AREDIS_COMING_MAX) {
		batch->next = wp_pushed_read(&batch->messages[batch->n],
					     bytes + at, len - at, &used);
		if (batch->next != WP_PUSHED_ONE)
			break;
		at += used;
		batch->n++;
	}
	return at;
}

/* False: redis is gone. */
static bool take_batch(struct wp_aredis *redis, const struct batch *batch)
{
	const struct wp_aredis_hooks *hooks = &redis->hooks;
	bool is_here = true;

	if (batch->n > 1 && hooks->on_coming != NULL)
		hooks->on_coming(hooks->ctx, batch->messages, batch->n);
	for (size_t i = 0; is_here && redis->link != NULL && i < batch->n;
	     i++) {
		enter(redis);
		if (hooks->on_message != NULL)
			hooks->on_message(hooks->ctx, &batch->messages[i]);
		is_here = leave(redis);
	}
	return is_here;
}

/*
 * Give hiredis the rest of the line: an answer ends with one, so nothing behind
 * it gets in there. Returns: how many bytes
 */
static size_t feed_line(struct wp_aredis *redis, const char *bytes, size_t len)
{
	const char *end = memchr(bytes, '\n', len);

	if (end != NULL)
		len = (size_t)(end - bytes) + 1;
	if (redisReaderFeed(redis->link->reader, bytes, len) != REDIS_OK)
		drop(redis, "out of memory");
	return len;
}

/* Hand out all that is whole. False: redis is gone. */
static bool take_input(struct wp_aredis *redis)
{
	struct wp_buf *in = &redis->in;
	struct batch batch = { .next = WP_PUSHED_ONE };
	bool is_here = true;
	size_t at = 0;

	while (is_here && redis->link != NULL && at < in->len &&
	       batch.next != WP_PUSHED_PART) {
		if (!redis->is_answer_open) {
			at += read_batch(&batch, in->data + at, in->len - at);
			redis->is_answer_open = batch.next == WP_PUSHED_OTHER;
			is_here = take_batch(redis, &batch);
		} else {
			at += feed_line(redis, in->data + at, in->len - at);
			is_here = take_answers(redis);
		}
	}
	if (!is_here)
		return false;
	wp_buf_consume(in, at);
	if (in->len == 0 && in->cap > IN_KEPT)
		wp_buf_release(in);
	return true;
}

/* ---- reading ---- */

/* False: redis is gone. */
static bool receive_pushed(struct wp_aredis *redis)
{
	char *room = wp_buf_reserve(&redis->in, READ_BYTES);
	ssize_t n;

	if (room == NULL) {
		drop(redis, "out of memory");
		return true;
	}
	n = recv(redis->link->fd, room, READ_BYTES, MSG_DONTWAIT);
	if (n == 0)
		drop(redis, "Server closed the connection");
	else if (n > 0)
		redis->in.len += (size_t)n;
	else if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
		drop(redis, strerror(errno));
	return n <= 0 || take_input(redis);
}

/* Read once and hand out what is whole. False: redis is gone. */
static bool receive(struct wp_aredis *redis)
{
	if (redis->is_subscriber)
		return receive_pushed(redis);
	if (redisBufferRead(redis->link) != REDIS_OK) {
		drop(redis, redis->link->errstr);
		return true;
	}
	return take_answers(redis);
}

static void on_readable(struct ev_loop *loop, struct ev_io *w, int revents)
{
	struct wp_aredis *redis = w->data;

	(void)loop;
	(void)revents;
	redis->heard_ms = wp_mono_ms();
	(void)receive(redis);
}

/* ---- time passes ---- */

/* Tell everybody who still waits that there will be no answer. */
static void fail_pending(struct wp_aredis *redis)
{
	while (redis->pending.n > 0) {
		struct wp_waiting front = wp_waiting_pop(&redis->pending);

		if (front.fn != NULL)
			front.fn(front.ctx, NULL);
	}
}

static void retry_later(struct wp_aredis *redis)
{
	uint32_t delay_ms = wp_backoff_next_ms(&redis->backoff);

	redis->state = DOWN;
	arm(redis, delay_ms);
	if (redis->hooks.on_down == NULL)
		return;
	enter(redis);
	redis->hooks.on_down(redis->hooks.ctx, redis->reason, delay_ms);
	(void)leave(redis);
}

static void report_loss(struct wp_aredis *redis)
{
	bool was_ready = redis->was_ready;

	redis->was_ready = false;
	enter(redis);
	fail_pending(redis);
	if (!redis->is_doomed && was_ready && redis->hooks.on_lost != NULL)
		redis->hooks.on_lost(redis->hooks.ctx);
	if (leave(redis))
		retry_later(redis);
}

/* Is there more to read? */
static bool has_input(const struct wp_aredis *redis)
{
	int waiting = 0;

	return ioctl(redis->link->fd, FIONREAD, &waiting) == 0 && waiting > 0;
}

/* For how long has somebody waited, and heard nothing? */
static uint64_t silence_ms(struct wp_aredis *redis)
{
	uint64_t since_ms = wp_waiting_front(&redis->pending)->sent_ms;

	if (redis->heard_ms > since_ms)
		since_ms = redis->heard_ms;
	return wp_mono_ms() - since_ms;
}

/*
 * A server that took commands and is silent since must not be waited for. One
 * that has much to do answers the last of many late, and answers others
 * meanwhile: what it still has it will do, whoever hangs up.
 */
static void watch_oldest(struct wp_aredis *redis)
{
	uint64_t timeout_ms = (uint64_t)redis->conf->redis.command_timeout_ms;
	uint64_t age_ms;

	/* The loop may have been busy: look what has come before judging. */
	if (!receive(redis) || redis->state != READY || redis->pending.n == 0)
		return;
	/* That was a part of it: a server that has so much to say is there. */
	if (has_input(redis)) {
		arm(redis, 0);
		return;
	}
	age_ms = silence_ms(redis);
	if (age_ms >= timeout_ms)
		drop(redis, "no answer in time");
	else
		arm(redis, (int64_t)(timeout_ms - age_ms));
}

static void on_timer(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	struct wp_aredis *redis = w->data;
	uint64_t now_ms = wp_mono_ms();

	(void)loop;
	(void)revents;
	if (now_ms < redis->deadline_ms) {
		arm(redis, (int64_t)(redis->deadline_ms - now_ms));
		return;
	}
	switch (redis->state) {
	case DOWN:
		dial(redis);
		break;
	case DIALING:
		drop(redis, "no connection in time");
		break;
	case SHAKING:
		drop(redis, "no answer in time while connecting");
		break;
	case READY:
		watch_oldest(redis);
		break;
	case LOST:
		report_loss(redis);
		break;
	}
}

/* ---- for its owner ---- */

static void init_watchers(struct wp_aredis *redis)
{
	ev_io_init(&redis->readable, on_readable, -1, EV_READ);
	ev_io_init(&redis->writable, on_writable, -1, EV_WRITE);
	ev_prepare_init(&redis->flush, on_flush);
	ev_set_priority(&redis->flush, EV_MINPRI);
	wp_buf_init(&redis->out, 0);
	wp_buf_init(&redis->in, 0);
	redis->readable.data = redis;
	redis->writable.data = redis;
	redis->flush.data = redis;
}

enum wp_err wp_aredis_new(struct wp_aredis **out,
			  const struct wp_aredis_setup *setup,
			  struct wp_error *err)
{
	struct wp_link_addr addr;
	struct wp_aredis *redis;
	enum wp_err rc;

	rc = wp_link_parse(&addr, setup->conf->redis.address, err);
	if (rc != WP_OK)
		return rc;
	redis = calloc(1, sizeof(*redis));
	if (redis != NULL) {
		redis->name = strdup(setup->name);
		redis->room = wp_reply_room_new();
	}
	if (redis == NULL || redis->name == NULL || redis->room == NULL) {
		if (redis != NULL)
			free_now(redis);
		return wp_error_set(err, WP_ERR_NOMEM,
				    "no memory for a Redis client");
	}
	redis->loop = setup->loop;
	redis->conf = setup->conf;
	redis->scripts = setup->scripts;
	redis->hooks = setup->hooks;
	redis->addr = addr;
	redis->log.component = "redis";
	wp_backoff_init(&redis->backoff, WP_LINK_BACKOFF_MS,
			WP_LINK_BACKOFF_CAP_MS);
	init_watchers(redis);
	ev_init(&redis->timer, on_timer);
	redis->timer.data = redis;
	redis->state = DOWN;
	arm(redis, 0);
	*out = redis;
	return WP_OK;
}

void wp_aredis_free(struct wp_aredis **redis_ptr)
{
	struct wp_aredis *redis;

	if (redis_ptr == NULL || *redis_ptr == NULL)
		return;
	redis = *redis_ptr;
	*redis_ptr = NULL;
	close_link(redis);
	redis->state = LOST;
	redis->was_ready = false;
	redis->is_doomed = true;
	enter(redis);
	fail_pending(redis);
	(void)leave(redis);
}

bool wp_aredis_is_ready(const struct wp_aredis *redis)
{
	return redis->state == READY;
}

size_t wp_aredis_unanswered(const struct wp_aredis *redis)
{
	return redis->pending.n;
}

const char *wp_aredis_run_id(const struct wp_aredis *redis)
{
	return redis->state == READY ? redis->hs.run_id : "";
}

static enum wp_err queue_command(struct wp_aredis *redis,
				 const struct wp_cmd *cmd, wp_reply_fn fn,
				 void *ctx, size_t confirmations)
{
	const struct wp_waiting item = {
		.fn = fn,
		.ctx = ctx,
		.sent_ms = wp_mono_ms(),
		.confirmations = confirmations,
		.group = cmd->n_ended,
	};
	enum wp_err rc;

	if (redis->state != READY)
		return WP_ERR_UNAVAIL;
	if (cmd->words.failed ||
	    !wp_waiting_reserve(&redis->pending, WP_AREDIS_PENDING_MAX))
		return WP_ERR_NOMEM;
	rc = append(redis, cmd);
	if (rc != WP_OK)
		return rc;
	wp_waiting_push(&redis->pending, &item);
	if (!ev_is_active(&redis->timer))
		arm(redis, redis->conf->redis.command_timeout_ms);
	return WP_OK;
}

enum wp_err wp_aredis_do(struct wp_aredis *redis, const struct wp_cmd *cmd,
			 wp_reply_fn fn, void *ctx)
{
	assert(!redis->is_subscriber);
	return queue_command(redis, cmd, fn, ctx, 0);
}

enum wp_err wp_aredis_subscribe(struct wp_aredis *redis,
				const struct wp_cmd *cmd, wp_reply_fn fn,
				void *ctx)
{
	enum wp_err rc;

	assert(cmd->words.failed || (cmd->n >= 2 && cmd->n_ended == 0));
	rc = queue_command(redis, cmd, fn, ctx, cmd->n - 1);
	if (rc == WP_OK)
		redis->is_subscriber = true;
	return rc;
}

void wp_aredis_reset(struct wp_aredis *redis)
{
	drop(redis, "reset by its owner");
}
