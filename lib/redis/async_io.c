/*
 * async_io.c - the socket of an event-driven client: connecting, sending, and
 * handing out answers in order.
 *
 * hiredis opens the socket and parses answers; the queue of callbacks is ours.
 * (hiredis' own, async.c, assert()s on answers that a server may well give:
 * an UNSUBSCRIBE too many, or a message of a kind it does not know, would end
 * the daemon.) Nothing here knows what the commands mean.
 */
#include "lib/redis/async_impl.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <hiredis/hiredis.h>

#include "lib/base/clock.h"
#include "lib/redis/refusal.h"

enum { OUT_KEPT = 256 * 1024 };

/* ---- sending ---- */

enum wp_err wp_aredis_append(struct wp_aredis *redis, const struct wp_cmd *cmd)
{
	size_t waiting = redis->out.len - redis->sent;
	enum wp_err rc;

	if (waiting + wp_link_size(cmd) > WP_AREDIS_UNSENT_MAX)
		return WP_ERR_FULL;
	rc = wp_link_format(&redis->out, cmd, NULL);
	redis->out.failed = false; /* what was in there still is */
	if (rc == WP_OK && !ev_is_active(&redis->writable))
		ev_prepare_start(redis->loop, &redis->flush);
	return rc;
}

/* All is out, or nobody is there any more to send it to. */
static void forget_out(struct wp_aredis *redis)
{
	redis->sent = 0;
	/* The password went through it, and a burst need not stay for ever. */
	if (redis->state != WP_AREDIS_READY && redis->out.data != NULL)
		explicit_bzero(redis->out.data, redis->out.cap);
	if (redis->out.cap > OUT_KEPT)
		wp_buf_release(&redis->out);
	else
		wp_buf_clear(&redis->out);
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
	ev_prepare_stop(redis->loop, &redis->flush);
	if (!send_some(redis)) {
		wp_aredis_drop(redis, strerror(errno));
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
	(void)loop;
	(void)revents;
	flush(w->data);
}

/* ---- connecting ---- */

void wp_aredis_dial(struct wp_aredis *redis)
{
	struct wp_error err = { 0 };
	int fd;

	redis->state = WP_AREDIS_DIALING;
	if (wp_link_open(&redis->link, &redis->addr, -1, &err) != WP_OK) {
		wp_aredis_drop(redis, err.msg);
		return;
	}
	fd = redis->link->fd;
	ev_io_set(&redis->readable, fd, EV_READ);
	ev_io_set(&redis->writable, fd, EV_WRITE);
	ev_io_start(redis->loop, &redis->writable);
	wp_aredis_arm(redis, redis->conf->redis.connect_timeout_ms);
}

/* Say the next part of the handshake, or be ready. False: redis is gone. */
static bool shake(struct wp_aredis *redis)
{
	struct wp_cmd cmd;
	enum wp_err rc = WP_OK;

	if (wp_handshake_is_done(&redis->hs)) {
		ev_timer_stop(redis->loop, &redis->timer);
		redis->state = WP_AREDIS_READY;
		redis->was_ready = true;
		wp_log(&redis->log, WP_LOG_INFO, "redis ready",
		       wp_str("connection", redis->name));
		wp_aredis_enter(redis);
		if (redis->hooks.on_ready != NULL)
			redis->hooks.on_ready(redis->hooks.ctx);
		return wp_aredis_leave(redis);
	}
	wp_cmd_init(&cmd);
	while (rc == WP_OK && wp_handshake_next(&redis->hs, &cmd))
		rc = wp_aredis_append(redis, &cmd);
	if (cmd.block != NULL) /* the password went through it */
		explicit_bzero(cmd.block, cmd.block_cap);
	wp_cmd_release(&cmd);
	if (rc != WP_OK)
		wp_aredis_drop(redis, "out of memory");
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
		wp_aredis_drop(redis, strerror(error));
		return;
	}
	ev_io_stop(redis->loop, &redis->writable);
	ev_io_start(redis->loop, &redis->readable);
	redis->state = WP_AREDIS_SHAKING;
	wp_handshake_begin(&redis->hs, redis->conf, redis->scripts,
			   redis->name);
	wp_aredis_arm(redis, redis->conf->redis.command_timeout_ms);
	(void)shake(redis); /* only begins, so redis cannot be gone */
}

static void on_writable(struct ev_loop *loop, struct ev_io *w, int revents)
{
	struct wp_aredis *redis = w->data;

	(void)loop;
	(void)revents;
	if (redis->state == WP_AREDIS_DIALING)
		dialed(redis);
	else
		flush(redis);
}

/* ---- answers ---- */

/* "message" and "pmessage" answer nothing. */
static bool is_push(const struct wp_reply *reply)
{
	const struct wp_reply *kind = wp_reply_at(reply, 0);

	return wp_reply_is(kind, "message") || wp_reply_is(kind, "pmessage");
}

/* False: redis is gone. */
static bool take_push(struct wp_aredis *redis, const struct wp_reply *reply)
{
	size_t n = wp_reply_count(reply);

	if (redis->hooks.on_message == NULL || n < 3)
		return true;
	wp_aredis_enter(redis);
	redis->hooks.on_message(
		redis->hooks.ctx,
		n == 4 ? wp_reply_str(wp_reply_at(reply, 1)) : NULL,
		wp_reply_at(reply, n - 2), wp_reply_at(reply, n - 1));
	return wp_aredis_leave(redis);
}

/* Nobody waits for this answer; an error must still not pass unseen. */
static void complain(struct wp_aredis *redis, const struct wp_reply *reply)
{
	uint32_t suppressed;

	if (wp_reply_type(reply) == WP_REPLY_ERROR &&
	    wp_log_allow(&redis->refusal_limit, wp_mono_ms(),
			 WP_AREDIS_LOG_INTERVAL_MS, &suppressed))
		wp_log(&redis->log, WP_LOG_WARN, "a command was refused",
		       wp_str("connection", redis->name),
		       wp_str("reply", wp_reply_str(reply)),
		       wp_int("suppressed", suppressed));
}

/* False: redis is gone. */
static bool take_reply(struct wp_aredis *redis, const struct wp_reply *reply)
{
	struct wp_pending *front = wp_pending_front(&redis->pending);
	struct wp_pending copy;

	/* This command's outcome is as unknown as that of those behind it. */
	if (front == NULL || wp_reply_is_loss(reply)) {
		wp_aredis_drop(redis, front == NULL ? "an answer to no question"
						    : wp_reply_str(reply));
		return true;
	}
	wp_backoff_reset(&redis->backoff); /* it not only shakes hands */
	copy = *front;
	/* An error answers a whole (P)SUBSCRIBE, however many channels. */
	if (front->confirmations > 1 &&
	    wp_reply_type(reply) == WP_REPLY_ARRAY) {
		front->confirmations--;
		front->sent_ms = wp_mono_ms();
	} else {
		(void)wp_pending_pop(&redis->pending);
	}
	if (copy.fn == NULL) {
		complain(redis, reply);
		return true;
	}
	wp_aredis_enter(redis);
	copy.fn(copy.ctx, reply);
	return wp_aredis_leave(redis);
}

/* False: redis is gone. */
static bool take(struct wp_aredis *redis, const struct wp_reply *reply)
{
	struct wp_error err = { 0 };

	if (redis->state == WP_AREDIS_READY) {
		if (redis->is_subscriber && is_push(reply))
			return take_push(redis, reply);
		return take_reply(redis, reply);
	}
	if (!wp_handshake_is_waiting(&redis->hs)) {
		wp_aredis_drop(redis, "an answer to no question");
		return true;
	}
	if (wp_handshake_answer(&redis->hs, reply, &err) != WP_OK) {
		wp_aredis_drop(redis, err.msg);
		return true;
	}
	return wp_handshake_is_waiting(&redis->hs) || shake(redis);
}

bool wp_aredis_receive(struct wp_aredis *redis)
{
	bool is_here = true;
	void *reply = NULL;

	if (redisBufferRead(redis->link) != REDIS_OK) {
		wp_aredis_drop(redis, redis->link->errstr);
		return true;
	}
	/* Each call out may have dropped the link, or us. */
	while (is_here && redis->link != NULL) {
		if (redisGetReplyFromReader(redis->link, &reply) != REDIS_OK) {
			wp_aredis_drop(redis, redis->link->errstr);
			break;
		}
		if (reply == NULL)
			break;
		is_here = take(redis, reply);
		freeReplyObject(reply);
	}
	return is_here;
}

bool wp_aredis_has_input(const struct wp_aredis *redis)
{
	int waiting = 0;

	return ioctl(redis->link->fd, FIONREAD, &waiting) == 0 && waiting > 0;
}

static void on_readable(struct ev_loop *loop, struct ev_io *w, int revents)
{
	(void)loop;
	(void)revents;
	(void)wp_aredis_receive(w->data);
}

void wp_aredis_io_init(struct wp_aredis *redis)
{
	ev_io_init(&redis->readable, on_readable, -1, EV_READ);
	ev_io_init(&redis->writable, on_writable, -1, EV_WRITE);
	ev_prepare_init(&redis->flush, on_flush);
	wp_buf_init(&redis->out, 0);
	redis->readable.data = redis;
	redis->writable.data = redis;
	redis->flush.data = redis;
}

void wp_aredis_close(struct wp_aredis *redis)
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
