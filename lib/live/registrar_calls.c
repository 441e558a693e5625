/*
 * registrar_calls.c - connect, disconnect, join and leave, and their answers.
 *
 * An answer finds its connection by number, or finds that it is gone, and says
 * nothing once its incarnation is over.
 */
#include <stdlib.h>

#include "lib/live/registrar_priv.h"
#include "lib/mailbox/push.h"

struct connect_call {
	struct wp_registrar *reg;
	uint64_t number;
	uint32_t epoch;
	enum wp_connect_why why;
};

struct wp_disconnect {
	struct wp_disconnect *next;
	struct wp_registrar *reg;
	uint32_t epoch;
	uint32_t partition;
	int64_t grace_ms;
	char name[WP_CONNECTION_MAX + 1];
	struct wp_urn urn;
};

static void on_join_reply(void *ctx, const struct wp_reply *reply)
{
	struct wp_registrar *reg = ctx;

	if (reply == NULL || wp_presence_done_parse(reply) == WP_OK)
		return;
	wp_registrar_on_refused(reg, "join refused", reply);
}

static enum wp_err join_once(struct wp_registrar *reg, uint32_t partition)
{
	enum wp_err rc;

	if (reg->joined[partition] == reg->epoch)
		return WP_OK;
	wp_presence_join_build(&reg->cmd, partition, reg->incarnation);
	rc = wp_aredis_do(reg->redis, &reg->cmd, on_join_reply, reg);
	if (rc == WP_OK)
		reg->joined[partition] = reg->epoch;
	return rc;
}

static void on_connected(struct connect_call *call, struct wp_member *member,
			 const struct wp_presence_connected *answer)
{
	struct wp_registrar *reg = call->reg;

	member->since_ms = answer->since_ms;
	if (call->why != WP_CONNECT_UPDATE)
		reg->hooks.on_registered(reg->hooks.ctx, member,
					 answer->pending);
}

static void judge_connect(struct connect_call *call, struct wp_member *member,
			  const struct wp_reply *reply)
{
	struct wp_registrar *reg = call->reg;
	struct wp_presence_connected answer;

	if (reply == NULL ||
	    wp_presence_connect_parse(reply, &answer) != WP_OK) {
		if (reply != NULL)
			wp_registrar_complain(reg, "connect refused", reply);
		if (member == NULL)
			return;
		/* Redis may know it all the same: when it leaves, it is taken
		 * back like others. */
		member->is_refused = true;
		reg->has_refused = true;
		if (call->why != WP_CONNECT_UPDATE)
			reg->hooks.on_refused(reg->hooks.ctx, member);
		return;
	}
	if (answer.is_gone)
		wp_registrar_renew(reg, "incarnation was reaped");
	else if (member != NULL)
		on_connected(call, member, &answer);
}

/* What changed while the call was under way. */
static void tell_news(struct wp_registrar *reg, struct wp_member *member)
{
	if (member->user != NULL && member->is_news_owed)
		wp_registrar_update(reg, member);
}

static void on_connect_reply(void *ctx, const struct wp_reply *reply)
{
	struct connect_call *call = ctx;
	struct wp_registrar *reg = call->reg;
	struct wp_member *member = wp_hub_find(reg->hub, call->number);

	reg->n_connecting--;
	if (call->why == WP_CONNECT_RESYNC)
		reg->n_resyncing--;
	if (member != NULL && member->user == NULL)
		member = NULL; /* closing: its disconnect is on the way */
	/* A resync that has begun since registers it anew and tells then. */
	if (call->epoch == reg->epoch) {
		if (member != NULL)
			member->is_telling = false;
		judge_connect(call, member, reply);
		if (member != NULL)
			tell_news(reg, member);
	}
	free(call);
	if (reg->state == WP_REGISTRAR_LIVE)
		wp_registrar_resync_some(reg);
	wp_registrar_check_stop(reg);
}

/*
 * A connection that was registered under the incarnation before is taken away
 * there first: at the user's limit its ghost would evict a living one.
 */
static enum wp_err drop_ghost(struct wp_registrar *reg,
			      const struct wp_member *member,
			      const struct wp_urn *urn)
{
	char name[WP_CONNECTION_MAX + 1];

	if (member->epoch == 0 || member->epoch != reg->epoch_before ||
	    member->epoch == reg->epoch)
		return WP_OK;
	wp_connection_name(name, reg->before, member->number);
	wp_presence_disconnect_build(&reg->cmd, member->user->partition, name,
				     urn, reg->conf->websocket.grace_ms);
	wp_push_add(&reg->cmd, reg->conf);
	return wp_aredis_do(reg->redis, &reg->cmd, NULL, NULL);
}

static void build_connect(struct wp_registrar *reg,
			  const struct wp_member *member,
			  const struct wp_urn *urn)
{
	char name[WP_CONNECTION_MAX + 1];
	struct wp_presence_meta meta = {
		.protocol = "ws",
		.device = "",
		.chat = member->chat == NULL ? "" : member->chat,
		.since_ms = member->since_ms,
	};

	wp_registrar_name(reg, member, name);
	wp_presence_connect_build(
		&reg->cmd, wp_aredis_run_id(reg->redis),
		member->user->partition, reg->incarnation, name, urn, &meta,
		reg->conf->websocket.max_connections_per_user);
}

enum wp_err wp_registrar_connect(struct wp_registrar *reg,
				 struct wp_member *member,
				 enum wp_connect_why why)
{
	struct connect_call *call;
	struct wp_urn urn;
	enum wp_err rc;

	wp_user_urn(member->user, &urn);
	rc = join_once(reg, member->user->partition);
	if (rc != WP_OK)
		return rc;
	rc = drop_ghost(reg, member, &urn);
	if (rc != WP_OK)
		return rc;
	call = malloc(sizeof(*call));
	if (call == NULL)
		return WP_ERR_NOMEM;
	*call = (struct connect_call){
		.reg = reg,
		.number = member->number,
		.epoch = reg->epoch,
		.why = why,
	};
	build_connect(reg, member, &urn);
	rc = wp_aredis_do(reg->redis, &reg->cmd, on_connect_reply, call);
	if (rc != WP_OK) {
		free(call);
		return rc;
	}
	member->epoch = reg->epoch;
	member->is_telling = true;
	member->is_news_owed = false;
	member->is_refused = false;
	reg->n_connecting++;
	if (why == WP_CONNECT_RESYNC)
		reg->n_resyncing++;
	return WP_OK;
}

void wp_registrar_add(struct wp_registrar *reg, struct wp_member *member)
{
	/* Not live: on_refused is an answer as well, and the caller's to use.
	 */
	if (!wp_registrar_is_live(reg) ||
	    wp_registrar_connect(reg, member, WP_CONNECT_NEW) != WP_OK)
		reg->hooks.on_refused(reg->hooks.ctx, member);
}

void wp_registrar_update(struct wp_registrar *reg, struct wp_member *member)
{
	/* The resync to come carries the news, or the next beat; and it pokes
	 * for what has come meanwhile, which an update does not. */
	if (!wp_registrar_is_live(reg) || member->epoch != reg->epoch ||
	    member->is_refused)
		return;
	if (member->is_telling) {
		member->is_news_owed = true;
	} else if (wp_registrar_connect(reg, member, WP_CONNECT_UPDATE) !=
		   WP_OK) {
		member->is_refused = true;
		reg->has_refused = true;
	}
}

/* Takes call: it is sent again with the next beat. */
static void keep_for_later(struct wp_registrar *reg, struct wp_disconnect *call)
{
	call->next = reg->again;
	reg->again = call;
}

static void on_disconnect_reply(void *ctx, const struct wp_reply *reply)
{
	struct wp_disconnect *call = ctx;
	struct wp_registrar *reg = call->reg;
	int64_t left;

	reg->n_disconnecting--;
	if (reply == NULL || call->epoch != reg->epoch ||
	    wp_presence_disconnect_parse(reply, &left) == WP_OK) {
		/* Lost: the whole incarnation is the reaper's now. */
		free(call);
		wp_registrar_check_stop(reg);
		return;
	}
	wp_registrar_complain(reg, "disconnect refused", reply);
	keep_for_later(reg, call);
	wp_registrar_check_stop(reg);
}

/* Takes call. */
static void send_disconnect(struct wp_disconnect *call)
{
	struct wp_registrar *reg = call->reg;
	enum wp_err rc;

	wp_presence_disconnect_build(&reg->cmd, call->partition, call->name,
				     &call->urn, call->grace_ms);
	wp_push_add(&reg->cmd, reg->conf);
	rc = wp_aredis_do(reg->redis, &reg->cmd, on_disconnect_reply, call);
	if (rc == WP_OK)
		reg->n_disconnecting++;
	else if (rc == WP_ERR_UNAVAIL)
		free(call); /* lost, as above */
	else
		keep_for_later(reg, call); /* there is no room now */
}

void wp_registrar_remove(struct wp_registrar *reg, struct wp_member *member,
			 int64_t grace_ms)
{
	struct wp_disconnect *call;

	if (reg->state != WP_REGISTRAR_LIVE || member->epoch != reg->epoch)
		return; /* what Redis knows of it is a ghost for the reaper */
	call = malloc(sizeof(*call));
	if (call == NULL) {
		/* Nobody would ever take it offline but the reaper. */
		wp_aredis_reset(reg->redis);
		return;
	}
	*call = (struct wp_disconnect){
		.reg = reg,
		.epoch = reg->epoch,
		.partition = member->user->partition,
		.grace_ms = grace_ms,
	};
	wp_registrar_name(reg, member, call->name);
	wp_user_urn(member->user, &call->urn);
	member->epoch = 0;
	send_disconnect(call);
}

void wp_registrar_disconnect_again(struct wp_registrar *reg)
{
	struct wp_disconnect *list = reg->again;

	reg->again = NULL;
	while (list != NULL) {
		struct wp_disconnect *next = list->next;

		send_disconnect(list);
		list = next;
	}
}

void wp_registrar_forget_disconnects(struct wp_registrar *reg)
{
	while (reg->again != NULL) {
		struct wp_disconnect *call = reg->again;

		reg->again = call->next;
		free(call);
	}
}

static void on_leave_reply(void *ctx, const struct wp_reply *reply)
{
	struct wp_registrar *reg = ctx;

	(void)reply; /* busy or lost: the reaper looks after the rest */
	reg->n_parting--;
	wp_registrar_check_stop(reg);
}

void wp_registrar_part(struct wp_registrar *reg)
{
	/* A beat behind the leave would be told `gone`. */
	ev_timer_stop(reg->loop, &reg->beat_timer);
	ev_timer_stop(reg->loop, &reg->due_timer);
	for (uint32_t p = 0; p < reg->partitions; p++) {
		if (reg->joined[p] != reg->epoch)
			continue;
		wp_presence_leave_build(&reg->cmd, p, reg->incarnation);
		if (wp_aredis_do(reg->redis, &reg->cmd, on_leave_reply, reg) !=
		    WP_OK)
			return;
		reg->n_parting++;
	}
}
