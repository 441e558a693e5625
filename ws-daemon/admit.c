/*
 * admit.c - who may come in: paths, origins, tokens, limits (API section 3).
 *
 * Whatever can be refused without asking Redis is refused first, so that a
 * one-use ticket is never spent on a connection that had no chance.
 */
#include "ws-daemon/admit.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/mailbox/ticket.h"
#include "ws-daemon/credential.h"
#include "ws-daemon/origin.h"
#include "ws-daemon/wire/upgrade.h"

static void unauthorized(struct wp_conn *conn, const char *sentence)
{
	wp_conn_refuse(conn, 401, "unauthorized", sentence,
		       WP_M_REJECT_UNAUTHORIZED);
}

static void unavailable(struct wp_conn *conn, const char *sentence)
{
	wp_conn_refuse(conn, 503, "unavailable", sentence,
		       WP_M_REJECT_UNAVAILABLE);
}

/* Is there room, and can presence be told? Answers when not. */
static bool has_room(struct wp_conn *conn)
{
	struct wp_server *server = conn->server;

	if (server->n_admitted >=
	    (size_t)server->conf->websocket.max_connections) {
		wp_conn_refuse(conn, 503, "overloaded",
			       "this instance has no room for more connections",
			       WP_M_REJECT_LIMIT);
		return false;
	}
	if (!wp_registrar_is_live(server->registrar)) {
		unavailable(conn, "presence cannot be registered now");
		return false;
	}
	return true;
}

struct redemption {
	struct wp_server *server;
	uint64_t number;
};

static void on_redeemed(void *ctx, const struct wp_reply *reply)
{
	struct redemption *call = ctx;
	struct wp_member *member = wp_hub_find(call->server->hub, call->number);
	struct wp_conn *conn = member == NULL ? NULL : wp_conn_of(member);
	struct wp_urn user;
	int64_t expires_s = 0;
	enum wp_err rc;

	free(call);
	if (conn == NULL || conn->state != WP_CONN_ASKING)
		return; /* the client did not wait */
	rc = wp_ticket_redeem_parse(reply, &user, &expires_s);
	if (rc == WP_OK && expires_s > wp_wall_ms() / 1000)
		wp_conn_register(conn, &user, expires_s);
	else if (rc == WP_OK || rc == WP_ERR_DENIED)
		unauthorized(conn, "the ticket is unknown, used or expired");
	else
		unavailable(conn, "the ticket could not be looked up");
}

static void admit(struct wp_conn *conn)
{
	conn->is_admitted = true;
	conn->server->n_admitted++;
}

static void redeem(struct wp_conn *conn, const struct wp_text *ticket)
{
	struct wp_server *server = conn->server;
	struct redemption *call = NULL;
	struct wp_cmd cmd;

	wp_cmd_init(&cmd);
	if (wp_ticket_redeem_build(&cmd, ticket->data, ticket->len) != WP_OK) {
		unauthorized(conn, "the ticket is unknown, used or expired");
		goto out;
	}
	call = malloc(sizeof(*call));
	if (call == NULL) {
		unavailable(conn, "the server is out of memory");
		goto out;
	}
	call->server = server;
	call->number = conn->member.number;
	if (wp_aredis_do(wp_registrar_redis(server->registrar), &cmd,
			 on_redeemed, call) != WP_OK) {
		unavailable(conn, "the ticket could not be looked up");
		goto out;
	}
	call = NULL; /* the callback's */
	conn->state = WP_CONN_ASKING;
	admit(conn);
out:
	free(call);
	wp_cmd_release(&cmd);
}

static void admit_credential(struct wp_conn *conn,
			     const struct wp_credential *found)
{
	struct wp_error err = { 0 };
	struct wp_identity caller = { 0 };

	if (found->source == WP_CREDENTIAL_JWT &&
	    wp_auth_verify(conn->server->auth, found->text.data,
			   found->text.len, wp_wall_ms() / 1000, &caller,
			   &err) != WP_OK) {
		unauthorized(conn, err.msg);
		return;
	}
	if (!has_room(conn))
		return;
	if (found->source == WP_CREDENTIAL_TICKET) {
		redeem(conn, &found->text);
		return;
	}
	admit(conn);
	wp_conn_register(conn, &caller.user, caller.expires_s);
}

static void on_no_upgrade(struct wp_conn *conn, unsigned status)
{
	if (status == 405)
		wp_conn_refuse(conn, 405, "method_not_allowed",
			       "only GET opens a WebSocket",
			       WP_M_REJECT_BAD_REQUEST);
	else if (status == 426)
		wp_conn_refuse(conn, 426, "upgrade_required",
			       "this path speaks WebSocket version 13 only",
			       WP_M_REJECT_BAD_REQUEST);
	else
		wp_conn_refuse(conn, 400, "bad_request",
			       "the WebSocket handshake is malformed",
			       WP_M_REJECT_BAD_REQUEST);
}

static void on_connect(struct wp_conn *conn, const struct wp_head *head)
{
	struct wp_upgrade upgrade;
	struct wp_credential found;
	unsigned status = wp_upgrade_read(&upgrade, head);
	enum wp_origin origin;

	if (status != 101) {
		on_no_upgrade(conn, status);
		return;
	}
	origin = wp_origin_judge(head, &upgrade.origin,
				 &conn->server->conf->cors.allowed_origins);
	if (origin == WP_ORIGIN_FOREIGN) {
		wp_conn_refuse(conn, 403, "origin_not_allowed",
			       "this Origin may not connect",
			       WP_M_REJECT_ORIGIN);
		return;
	}
	wp_credential_find(&found, head, &upgrade, origin, conn->server->conf);
	if (found.source == WP_CREDENTIAL_NONE ||
	    found.source == WP_CREDENTIAL_BAD) {
		unauthorized(conn, found.sentence);
		return;
	}
	wp_upgrade_response(&conn->stash->response, &upgrade);
	admit_credential(conn, &found);
}

static void on_health(struct wp_conn *conn, bool with_body)
{
	wp_conn_show(conn, "text/plain; charset=utf-8", "OK", with_body);
}

static void on_ready(struct wp_conn *conn, bool with_body)
{
	if (conn->server->is_stopping)
		wp_conn_refuse(conn, 503, "not_ready",
			       "the daemon is shutting down",
			       WP_M_REJECT_UNAVAILABLE);
	else if (!wp_registrar_is_live(conn->server->registrar))
		wp_conn_refuse(conn, 503, "not_ready",
			       "presence cannot be registered now",
			       WP_M_REJECT_UNAVAILABLE);
	else
		wp_conn_show(conn, "text/plain; charset=utf-8", "READY",
			     with_body);
}

static void on_metrics(struct wp_conn *conn, bool with_body)
{
	struct wp_server *server = conn->server;
	struct wp_buf body;

	wp_metric_set(server->metrics, WP_M_CONNECTIONS,
		      (int64_t)server->n_open);
	wp_metric_set(server->metrics, WP_M_USERS,
		      (int64_t)wp_hub_users(server->hub));
	wp_buf_init(&body, 0);
	wp_metrics_write(server->metrics, &body);
	if (body.failed)
		unavailable(conn, "the server is out of memory");
	else
		wp_conn_show(conn, "text/plain; version=0.0.4", body.data,
			     with_body);
	wp_buf_release(&body);
}

static const struct {
	const char *path;
	void (*fn)(struct wp_conn *conn, bool with_body);
} plain_paths[] = {
	{ "/healthz", on_health },
	{ "/readyz", on_ready },
	{ "/metrics", on_metrics },
};

static void on_request(struct wp_conn *conn, const struct wp_head *head)
{
	bool is_get = wp_text_is(&head->method, "GET");
	struct wp_text id = wp_head_field(head, "X-Request-Id");

	/* Else one is made when it is needed. */
	(void)wp_request_id_keep(conn->stash->request_id, &id);
	if (wp_text_is(&head->path, "/connect") ||
	    wp_text_is(&head->path, "/ws")) {
		on_connect(conn, head);
		return;
	}
	for (size_t i = 0; i < sizeof(plain_paths) / sizeof(plain_paths[0]);
	     i++) {
		if (!wp_text_is(&head->path, plain_paths[i].path))
			continue;
		if (is_get || wp_text_is(&head->method, "HEAD"))
			plain_paths[i].fn(conn, is_get);
		else
			wp_conn_refuse(conn, 405, "method_not_allowed",
				       "only GET is served here",
				       WP_M_REJECT_BAD_REQUEST);
		return;
	}
	wp_conn_refuse(conn, 404, "not_found", "there is nothing at this path",
		       WP_M_REJECT_BAD_REQUEST);
}

static void on_bad_head(struct wp_conn *conn, unsigned status)
{
	if (status == 431)
		wp_conn_refuse(conn, 431, "headers_too_large",
			       "the request's header is too large",
			       WP_M_REJECT_BAD_REQUEST);
	else if (status == 505)
		wp_conn_refuse(conn, 505, "version_not_supported",
			       "only HTTP/1.1 is spoken here",
			       WP_M_REJECT_BAD_REQUEST);
	else
		wp_conn_refuse(conn, 400, "bad_request",
			       "the request is malformed",
			       WP_M_REJECT_BAD_REQUEST);
}

void wp_admit_input(struct wp_conn *conn, const char *data, size_t len)
{
	struct wp_stash *stash = wp_conn_stash(conn);
	struct wp_head head;
	unsigned status = 400;

	if (stash == NULL) {
		wp_conn_drop(conn, WP_M_CLOSE_INTERNAL);
		return;
	}
	wp_buf_add(&stash->input, data, len);
	if (stash->input.failed) {
		wp_conn_drop(conn, WP_M_CLOSE_INTERNAL);
		return;
	}
	/* A head ends with a line; bytes that drip in are not looked at one by
	 * one. */
	if (stash->input.len <= WP_HEAD_MAX && memchr(data, '\n', len) == NULL)
		return;
	switch (wp_head_parse(&head, stash->input.data, stash->input.len,
			      &status)) {
	case WP_HEAD_MORE:
		break;
	case WP_HEAD_BAD:
		on_bad_head(conn, status);
		break;
	case WP_HEAD_OK:
		on_request(conn, &head);
		/* What came behind the head belongs to the frames to come. */
		wp_buf_consume(&stash->input, head.len);
		break;
	}
}
