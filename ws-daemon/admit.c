/*
 * admit.c - paths, origins, tokens, limits; then presence, until it ends.
 *
 * A browser sends Origin and cannot be made to lie about it; other programs may
 * leave it out (RFC 6454). Where the caller's token or ticket is in a request
 * is found here; whether it is any good is the business of lib/auth.
 *
 * Whatever can be refused without asking Redis is refused first, so that a
 * one-use ticket is never spent on a connection that had no chance.
 */
#include "ws-daemon/admit.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/auth/apikey.h"
#include "lib/auth/token.h"
#include "lib/base/clock.h"
#include "lib/http/origin.h"
#include "lib/http/query.h"
#include "lib/mailbox/ticket.h"
#include "lib/sys/conf.h"
#include "ws-daemon/canary.h"
#include "ws-daemon/deliver.h"
#include "ws-daemon/filter.h"
#include "ws-daemon/guard.h"
#include "ws-daemon/wire/http.h"

/* ---- the page that asks ---- */

enum {
	ORIGIN_MAX = 512,
	KEY_WAIT_MS = 2000, /* for a key of the caller's issuer */
	ORIGIN_LOG_MS = 60000,
};

enum origin {
	ORIGIN_ABSENT,  /* no browser */
	ORIGIN_TRUSTED, /* listed by name, or the request's own */
	ORIGIN_ANY,     /* allowed only because everybody is ("*") */
	ORIGIN_FOREIGN,
};

static bool is_secure(const struct wp_head *head)
{
	struct wp_text proto = wp_head_field(head, "X-Forwarded-Proto");
	const char *comma;

	if (proto.data == NULL)
		return false;
	/* The first of a list is what the client spoke. */
	comma = memchr(proto.data, ',', proto.len);
	if (comma != NULL)
		proto.len = (size_t)(comma - proto.data);
	return wp_text_is_word(&proto, "https") ||
	       wp_text_is_word(&proto, "wss");
}

static bool ends_with(const struct wp_text *text, const char *tail)
{
	size_t len = strlen(tail);

	return text->len > len &&
	       memcmp(text->data + text->len - len, tail, len) == 0;
}

/* The request's own origin is its scheme, which only the web server in front
 * knows (X-Forwarded-Proto), and its Host. A page cannot set either. */
static bool is_own(const struct wp_head *head, const struct wp_text *origin)
{
	struct wp_text host = wp_head_field(head, "Host");
	bool secure = is_secure(head);
	const char *port = secure ? ":443" : ":80";
	char own[ORIGIN_MAX];
	int n;

	if (host.data == NULL || host.len == 0 || host.len > ORIGIN_MAX / 2)
		return false;
	/* An origin leaves out the port that its scheme implies. */
	if (ends_with(&host, port))
		host.len -= strlen(port);
	n = snprintf(own, sizeof(own), "%s://%.*s", secure ? "https" : "http",
		     (int)host.len, host.data);
	return n > 0 && wp_origin_is(origin->data, origin->len, own);
}

/* The one Origin that an upgrade may have. "null" is always foreign. */
static enum origin judge_origin(const struct wp_head *head,
				const struct wp_text *origin,
				const struct wp_conf_list *allowed)
{
	enum wp_origin_match match;

	if (origin->data == NULL)
		return ORIGIN_ABSENT;
	match = wp_origin_find(allowed, origin->data, origin->len);
	if (match == WP_ORIGIN_BY_NAME || is_own(head, origin))
		return ORIGIN_TRUSTED;
	return match == WP_ORIGIN_BY_STAR ? ORIGIN_ANY : ORIGIN_FOREIGN;
}

/* ---- its token ---- */

enum source {
	SOURCE_NONE,
	SOURCE_JWT,
	SOURCE_TICKET,
	SOURCE_BAD, /* there, and unusable */
};

struct credential {
	enum source source;
	struct wp_text text;      /* into head or buffer; JWT and TICKET */
	const char *sentence;     /* NONE and BAD: what to tell the caller */
	char buffer[WP_HEAD_MAX]; /* a decoded query parameter */
};

static void set_jwt(struct credential *found, const char *data, size_t len)
{
	found->source = SOURCE_JWT;
	found->text = (struct wp_text){ .data = data, .len = len };
}

static void set_bad(struct credential *found, const char *sentence)
{
	found->source = SOURCE_BAD;
	found->sentence = sentence;
}

static void from_authorization(const struct wp_head *head,
			       struct credential *found)
{
	struct wp_text field = wp_head_field(head, "Authorization");
	char value[WP_HEAD_MAX];
	struct wp_token token;

	if (field.data == NULL)
		return;
	if (wp_head_count(head, "Authorization") > 1 ||
	    field.len >= sizeof(value)) {
		set_bad(found, "send one Authorization header");
		return;
	}
	memcpy(value, field.data, field.len);
	value[field.len] = '\0';
	if (wp_auth_bearer(value, &token, NULL) != WP_OK)
		set_bad(found, "the Authorization header must be "
			       "\"Bearer <token>\"");
	else
		set_jwt(found, field.data + (token.text - value), token.len);
}

static void from_query(const struct wp_head *head, const char *name,
		       enum source source, struct credential *found)
{
	int len = wp_query_copy(&head->query, name, found->buffer,
				sizeof(found->buffer));

	if (len == -1)
		return;
	if (len < 0) {
		set_bad(found, "the query parameter is malformed");
		return;
	}
	set_jwt(found, found->buffer, (size_t)len);
	found->source = source;
}

static void from_cookie(const struct wp_head *head, const struct wp_conf *conf,
			enum origin origin, struct credential *found)
{
	struct wp_text value;

	if (conf->websocket.cookie_name == NULL ||
	    conf->websocket.cookie_name[0] == '\0' || origin != ORIGIN_TRUSTED)
		return;
	value = wp_head_cookie(head, conf->websocket.cookie_name);
	if (value.data != NULL)
		set_jwt(found, value.data, value.len);
}

/*
 * Look in the order of docs/websocket.md "Getting in". The first carrier that
 * is there counts: when it is bad there is no second try. A cookie is looked at
 * only when origin is trusted by name, because browsers attach cookies to any
 * page's request.
 */
static void find_credential(struct credential *out, const struct wp_head *head,
			    const struct wp_upgrade *upgrade,
			    enum origin origin, const struct wp_conf *conf)
{
	out->source = SOURCE_NONE;
	out->sentence = "a token is required";
	from_authorization(head, out);
	if (out->source == SOURCE_NONE &&
	    upgrade->subprotocol_token.data != NULL)
		set_jwt(out, upgrade->subprotocol_token.data,
			upgrade->subprotocol_token.len);
	if (out->source == SOURCE_NONE)
		from_query(head, "ticket", SOURCE_TICKET, out);
	if (out->source == SOURCE_NONE)
		from_cookie(head, conf, origin, out);
	if (out->source == SOURCE_NONE && conf->websocket.query_token)
		from_query(head, "token", SOURCE_JWT, out);
}

/* ---- presence ---- */

/* reason: for the log, a literal */
static void unauthorized(struct wp_conn *conn, const char *reason,
			 const char *sentence)
{
	wp_conn_admission(conn)->request.reason = reason;
	wp_guard_failed(conn);
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

/* Is the caller's token good no longer? Answers when it is not. */
static bool is_revoked(struct wp_conn *conn, const struct wp_identity *caller)
{
	if (!wp_revoker_knows(conn->parts->live.revoker, caller))
		return false;
	wp_conn_on_revoked(NULL, &conn->member);
	return true;
}

/* This is the caller; on_registered or on_refused follows. */
static void begin_presence(struct wp_conn *conn,
			   const struct wp_identity *caller)
{
	if (wp_hub_join(conn->parts->live.hub, &conn->member, &caller->user) !=
	    WP_OK) {
		unavailable(conn, "the server is out of memory");
		return;
	}
	wp_conn_admission(conn)->expires_s = caller->expires_s;
	conn->device = wp_conn_device(caller);
	wp_revoked_mark(&conn->member.marks, caller);
	wp_registrar_add(conn->parts->live.registrar, &conn->member);
}

static void greet(struct wp_conn *conn, int64_t pending)
{
	struct wp_parts *parts = conn->parts;
	const struct wp_user *user = conn->member.user;
	struct wp_buf *buf = &parts->scratch;
	char name[WP_CONNECTION_MAX + 1];

	if (!wp_deliver_begin(conn)) {
		unavailable(conn, "the server is out of memory");
		return;
	}
	wp_registrar_name(parts->live.registrar, &conn->member, name);
	wp_buf_printf(buf, "{\"type\":\"connected\",\"connectionId\":\"%s\",",
		      name);
	wp_buf_add_str(buf, "\"user\":");
	wp_buf_add_json(buf, user->text, user->len);
	wp_buf_printf(buf,
		      ",\"pending\":%" PRId64 ",\"expiresInSeconds\":%" PRId64,
		      pending,
		      wp_conn_left_s(conn, wp_conn_admission(conn)->expires_s));
	wp_deliver_greet(conn, buf);
	wp_buf_add_char(buf, '}');
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
	if (wp_conn_admission(conn) != NULL)
		wp_key_wait_remove(parts->key_wait,
				   &wp_conn_admission(conn)->key_waiter);
	if (conn->member.user == NULL)
		return;
	wp_registrar_remove(parts->live.registrar, &conn->member, grace_ms);
	wp_hub_leave(parts->live.hub, &conn->member);
}

/* ---- getting in ---- */

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
	struct wp_identity caller;
	enum wp_err rc;

	free(call);
	if (conn == NULL || conn->session.state != WP_SESSION_ASKED)
		return; /* the client did not wait */
	rc = wp_ticket_redeem_parse(reply, &caller);
	if (rc == WP_OK && is_revoked(conn, &caller))
		return;
	if (rc == WP_OK && caller.expires_s > wp_wall_ms() / 1000) {
		if (wp_guard_connect(conn, &caller.user))
			begin_presence(conn, &caller);
	} else if (rc == WP_OK || rc == WP_ERR_DENIED) {
		unauthorized(conn, "ticket",
			     "the ticket is unknown, used or expired");
	} else {
		unavailable(conn, "the ticket could not be looked up");
	}
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
		unauthorized(conn, "ticket",
			     "the ticket is unknown, used or expired");
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

static void admit_caller(struct wp_conn *conn, const struct wp_identity *caller)
{
	if (is_revoked(conn, caller) ||
	    !wp_guard_connect(conn, &caller->user) || !has_room(conn))
		return;
	wp_live_seen(&conn->parts->live, caller);
	admit(conn);
	begin_presence(conn, caller);
}

/* Whose token is it? As wp_auth_verify(). */
static enum wp_err authenticate(struct wp_conn *conn,
				const struct wp_token *token,
				struct wp_identity *caller,
				struct wp_error *err)
{
	wp_auth_look(conn->parts->auth, wp_mono_ms());
	return wp_auth_verify(conn->parts->auth, token, wp_wall_ms() / 1000,
			      caller, err);
}

static void refuse_caller(struct wp_conn *conn, enum wp_err rc,
			  const struct wp_identity *caller,
			  const struct wp_error *err)
{
	if (rc == WP_ERR_DENIED)
		unauthorized(conn, wp_refused_name(caller->refused), err->msg);
	else
		wp_conn_refuse(conn, 503, "identity_unavailable", err->msg,
			       WP_M_REJECT_UNAVAILABLE);
}

/* Another file has come with the keys of the token's issuer, or the end. */
static bool on_keys(struct wp_key_waiter *waiter, bool is_over)
{
	struct wp_admission *admission =
		(struct wp_admission *)((char *)waiter -
					offsetof(struct wp_admission,
						 key_waiter));
	const struct wp_token token = { admission->token,
					admission->token_len };
	struct wp_conn *conn = admission->conn;
	struct wp_identity caller = { 0 };
	struct wp_error err = { 0 };
	enum wp_err rc = authenticate(conn, &token, &caller, &err);

	if (rc == WP_ERR_NOTFOUND && !is_over)
		return true;
	if (rc == WP_OK)
		admit_caller(conn, &caller);
	else
		refuse_caller(conn, rc, &caller, &err);
	return false;
}

/* False when it cannot wait. */
static bool wait_for_keys(struct wp_conn *conn, const struct wp_token *token,
			  size_t issuer)
{
	struct wp_admission *admission = wp_conn_admission(conn);

	admission->token = malloc(token->len);
	if (admission->token == NULL)
		return false;
	memcpy(admission->token, token->text, token->len);
	admission->token_len = token->len;
	admission->conn = conn;
	admission->key_waiter.again = on_keys;
	admission->key_waiter.from = admission->from;
	return wp_key_wait_add(conn->parts->key_wait, &admission->key_waiter,
			       issuer, KEY_WAIT_MS);
}

static void admit_credential(struct wp_conn *conn,
			     const struct credential *found)
{
	const struct wp_token token = { found->text.data, found->text.len };
	struct wp_error err = { 0 };
	struct wp_identity caller = { 0 };
	enum wp_err rc;

	if (found->source == SOURCE_JWT && wp_apikey_is_meant(&token)) {
		wp_conn_refuse(conn, 403, "forbidden",
			       "this is for users; a key opens no connection",
			       WP_M_REJECT_UNAUTHORIZED);
		return;
	}
	if (found->source == SOURCE_TICKET) {
		if (has_room(conn))
			redeem(conn, &found->text);
		return;
	}
	rc = authenticate(conn, &token, &caller, &err);
	if (rc == WP_OK)
		admit_caller(conn, &caller);
	else if (rc != WP_ERR_NOTFOUND ||
		 !wait_for_keys(conn, &token, caller.issuer))
		refuse_caller(conn, rc, &caller, &err);
}

static void on_no_upgrade(struct wp_conn *conn, unsigned status)
{
	wp_guard_failed(conn);
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

/* A setting that is forgotten looks to browsers like a server that is gone. */
static void on_foreign_origin(struct wp_conn *conn)
{
	uint32_t suppressed;

	wp_conn_refuse(conn, 403, "origin_not_allowed",
		       "this Origin may not connect; cors.allowed_origins does "
		       "not list it",
		       WP_M_REJECT_ORIGIN);
	if (wp_log_allow(&conn->parts->origin_limit, wp_mono_ms(),
			 ORIGIN_LOG_MS, &suppressed))
		wp_log(NULL, WP_LOG_WARN, "an Origin that is not listed",
		       wp_str("setting", "cors.allowed_origins"),
		       wp_int("suppressed", suppressed));
}

static void on_connect(struct wp_conn *conn, const struct wp_head *head)
{
	struct wp_upgrade upgrade;
	struct credential found;
	unsigned status = wp_upgrade_read(&upgrade, head);
	enum origin origin;

	if (status != 101) {
		on_no_upgrade(conn, status);
		return;
	}
	origin = judge_origin(head, &upgrade.origin,
			      &conn->parts->live.conf->cors.allowed_origins);
	if (origin == ORIGIN_FOREIGN) {
		on_foreign_origin(conn);
		return;
	}
	if (!wp_filter_read(conn, head) ||
	    !wp_deliver_read(conn, head, &upgrade))
		return;
	find_credential(&found, head, &upgrade, origin, conn->parts->live.conf);
	if (found.source == SOURCE_NONE || found.source == SOURCE_BAD) {
		unauthorized(conn,
			     found.source == SOURCE_NONE
				     ? "missing"
				     : wp_refused_name(WP_REFUSED_MALFORMED),
			     found.sentence);
		return;
	}
	if (conn->parts->live.conf->websocket.deflate)
		upgrade.extension = wp_extension_choose(head);
	wp_conn_admission(conn)->deflate_bits = upgrade.extension.deflate_bits;
	wp_upgrade_response(&wp_conn_admission(conn)->response, &upgrade);
	admit_credential(conn, &found);
}

/* ---- paths ---- */

static void on_health(struct wp_conn *conn, bool with_body)
{
	wp_conn_show(conn, "text/plain; charset=utf-8", "OK", with_body);
}

static bool has_keys(struct wp_auth *auth)
{
	wp_auth_look(auth, wp_mono_ms());
	return wp_auth_has_keys(auth);
}

static void on_ready(struct wp_conn *conn, bool with_body)
{
	const char *lost = wp_ws_canary_problem(conn->parts->canary);

	if (conn->parts->is_stopping)
		wp_conn_refuse(conn, 503, "not_ready",
			       "the daemon is shutting down",
			       WP_M_REJECT_UNAVAILABLE);
	else if (!wp_registrar_is_live(conn->parts->live.registrar))
		wp_conn_refuse(conn, 503, "not_ready",
			       "presence cannot be registered now",
			       WP_M_REJECT_UNAVAILABLE);
	else if (!has_keys(conn->parts->auth))
		wp_conn_refuse(conn, 503, "not_ready",
			       "no key that verifies tokens is known",
			       WP_M_REJECT_UNAVAILABLE);
	else if (lost != NULL)
		wp_conn_refuse(conn, 503, "not_ready", lost,
			       WP_M_REJECT_UNAVAILABLE);
	else
		wp_conn_show(conn, "text/plain; charset=utf-8", "READY",
			     with_body);
}

static const struct {
	const char *path;
	void (*fn)(struct wp_conn *conn, bool with_body);
} plain_paths[] = {
	{ "/healthz", on_health },
	{ "/readyz", on_ready },
};

void wp_admit_request(struct wp_conn *conn, const struct wp_head *head)
{
	bool is_get = wp_text_is(&head->method, "GET");

	if (wp_text_is(&head->path, "/connect") ||
	    wp_text_is(&head->path, "/ws")) {
		if (!wp_guard_request(conn, head))
			return;
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
