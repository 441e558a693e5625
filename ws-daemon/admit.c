/*
 * admit.c - paths, origins, tokens, limits; then presence, until it ends.
 *
 * Whatever can be refused without asking Redis is refused first, so that a
 * one-use ticket is never spent on a connection that had no chance.
 */
#include "ws-daemon/admit.h"

#include <inttypes.h>
#include <stdlib.h>

#include "lib/base/clock.h"
#include "lib/mailbox/ticket.h"
#include "ws-daemon/credential.h"
#include "ws-daemon/wire/http.h"

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
	struct wp_parts *parts = conn->parts;

	if (parts->n_admitted >=
	    (size_t)parts->live.conf->websocket.max_connections) {
		wp_conn_refuse(conn, 503, "overloaded",
			       "this instance has no room for more connections",
			       WP_M_REJECT_LIMIT);
		return false;
	}
	if (!wp_registrar_is_live(parts->live.registrar)) {
		unavailable(conn, "presence cannot be registered now");
		return false;
	}
	return true;
}

/* Told to Redis, and not answered: then the user is known already. */
static bool is_registering(const struct wp_conn *conn)
{
	return conn->session.state == WP_SESSION_ASKED &&
	       conn->member.user != NULL;
}

/* The caller is user until expires_s; on_registered or on_refused follows. */
static void begin_presence(struct wp_conn *conn, const struct wp_urn *user,
			   int64_t expires_s)
{
	if (wp_hub_join(conn->parts->live.hub, &conn->member, user) != WP_OK) {
		unavailable(conn, "the server is out of memory");
		return;
	}
	conn->admission->expires_s = expires_s;
	wp_registrar_add(conn->parts->live.registrar, &conn->member);
}

static void greet(struct wp_conn *conn, int64_t pending)
{
	struct wp_parts *parts = conn->parts;
	const struct wp_user *user = conn->member.user;
	struct wp_buf *buf = &parts->scratch;
	char name[WP_CONNECTION_MAX + 1];

	wp_registrar_name(parts->live.registrar, &conn->member, name);
	wp_buf_printf(buf, "{\"type\":\"connected\",\"connectionId\":\"%s\",",
		      name);
	wp_buf_add_str(buf, "\"user\":");
	wp_buf_add_json(buf, user->text, user->len);
	wp_buf_printf(buf, ",\"pending\":%" PRId64 "}", pending);
	wp_conn_open(conn);
}

void wp_admit_on_registered(void *ctx, struct wp_member *member,
			    int64_t pending)
{
	struct wp_parts *parts = ctx;
	struct wp_conn *conn = wp_conn_of(member);

	if (is_registering(conn)) {
		conn->is_poke_owed = conn->is_poke_owed || pending > 0;
		greet(conn, pending);
	} else if (conn->session.state == WP_SESSION_OPEN && pending > 0) {
		wp_hub_poke_later(parts->live.hub, member); /* after a resync */
	}
}

void wp_admit_on_refused(void *ctx, struct wp_member *member)
{
	struct wp_conn *conn = wp_conn_of(member);

	(void)ctx;
	if (is_registering(conn))
		unavailable(conn, "presence cannot be registered now");
}

void wp_admit_left(struct wp_conn *conn, bool is_clean)
{
	struct wp_parts *parts = conn->parts;
	int64_t grace_ms = is_clean ? parts->live.conf->websocket.grace_ms : 0;

	if (conn->is_admitted) {
		conn->is_admitted = false;
		parts->n_admitted--;
	}
	if (conn->member.user == NULL)
		return;
	wp_registrar_remove(parts->live.registrar, &conn->member, grace_ms);
	wp_hub_leave(parts->live.hub, &conn->member);
}

struct redemption {
	struct wp_parts *parts;
	uint64_t number;
};

static void on_redeemed(void *ctx, const struct wp_reply *reply)
{
	struct redemption *call = ctx;
	struct wp_member *member =
		wp_hub_find(call->parts->live.hub, call->number);
	struct wp_conn *conn = member == NULL ? NULL : wp_conn_of(member);
	struct wp_urn user;
	int64_t expires_s = 0;
	enum wp_err rc;

	free(call);
	if (conn == NULL || conn->session.state != WP_SESSION_ASKED)
		return; /* the client did not wait */
	rc = wp_ticket_redeem_parse(reply, &user, &expires_s);
	if (rc == WP_OK && expires_s > wp_wall_ms() / 1000)
		begin_presence(conn, &user, expires_s);
	else if (rc == WP_OK || rc == WP_ERR_DENIED)
		unauthorized(conn, "the ticket is unknown, used or expired");
	else
		unavailable(conn, "the ticket could not be looked up");
}

static void admit(struct wp_conn *conn)
{
	conn->is_admitted = true;
	conn->parts->n_admitted++;
}

static void redeem(struct wp_conn *conn, const struct wp_text *ticket)
{
	struct wp_parts *parts = conn->parts;
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
	call->parts = parts;
	call->number = conn->member.number;
	if (wp_aredis_do(wp_registrar_redis(parts->live.registrar), &cmd,
			 on_redeemed, call) != WP_OK) {
		unavailable(conn, "the ticket could not be looked up");
		goto out;
	}
	call = NULL; /* the callback's */
	admit(conn);
out:
	free(call);
	wp_cmd_release(&cmd);
}

static void admit_credential(struct wp_conn *conn,
			     const struct wp_credential *found)
{
	const struct wp_token token = { found->text.data, found->text.len };
	struct wp_error err = { 0 };
	struct wp_identity caller = { 0 };

	if (found->source == WP_CREDENTIAL_JWT &&
	    wp_auth_verify(conn->parts->auth, &token, wp_wall_ms() / 1000,
			   &caller, &err) != WP_OK) {
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
	begin_presence(conn, &caller.user, caller.expires_s);
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
				 &conn->parts->live.conf->cors.allowed_origins);
	if (origin == WP_ORIGIN_FOREIGN) {
		wp_conn_refuse(conn, 403, "origin_not_allowed",
			       "this Origin may not connect",
			       WP_M_REJECT_ORIGIN);
		return;
	}
	wp_credential_find(&found, head, &upgrade, origin,
			   conn->parts->live.conf);
	if (found.source == WP_CREDENTIAL_NONE ||
	    found.source == WP_CREDENTIAL_BAD) {
		unauthorized(conn, found.sentence);
		return;
	}
	wp_upgrade_response(&conn->admission->response, &upgrade);
	admit_credential(conn, &found);
}

static void on_health(struct wp_conn *conn, bool with_body)
{
	wp_conn_show(conn, "text/plain; charset=utf-8", "OK", with_body);
}

static void on_ready(struct wp_conn *conn, bool with_body)
{
	if (conn->parts->is_stopping)
		wp_conn_refuse(conn, 503, "not_ready",
			       "the daemon is shutting down",
			       WP_M_REJECT_UNAVAILABLE);
	else if (!wp_registrar_is_live(conn->parts->live.registrar))
		wp_conn_refuse(conn, 503, "not_ready",
			       "presence cannot be registered now",
			       WP_M_REJECT_UNAVAILABLE);
	else
		wp_conn_show(conn, "text/plain; charset=utf-8", "READY",
			     with_body);
}

static void on_metrics(struct wp_conn *conn, bool with_body)
{
	struct wp_parts *parts = conn->parts;
	struct wp_buf body;

	wp_metric_set(parts->metrics, WP_M_CONNECTIONS, (int64_t)parts->n_open);
	wp_metric_set(parts->metrics, WP_M_USERS,
		      (int64_t)wp_hub_users(parts->live.hub));
	wp_buf_init(&body, 0);
	wp_metrics_write(parts->metrics, &body);
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

void wp_admit_request(struct wp_conn *conn, const struct wp_head *head)
{
	bool is_get = wp_text_is(&head->method, "GET");
	struct wp_text id = wp_head_field(head, "X-Request-Id");

	/* Else one is made when it is needed. */
	(void)wp_request_id_keep(conn->admission->request_id, &id);
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
