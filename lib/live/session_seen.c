/*
 * session_seen.c - one call, whose answer is of no use to anybody.
 */
#include "lib/live/session_seen.h"

#include "lib/base/encode.h"
#include "lib/mailbox/session.h"
#include "lib/name/box.h"

static void on_answer(void *ctx, const struct wp_reply *reply)
{
	(void)ctx;
	(void)reply;
}

void wp_session_seen(const struct wp_identity *who,
		     const struct wp_seen_way *way)
{
	struct wp_session_ref session;
	struct wp_box box;
	struct wp_cmd cmd;

	if (!who->own.is_set)
		return;
	wp_box_of(&box, &who->user, way->partitions);
	session.partition = box.partition;
	wp_hex_write(session.id, who->own.sid, sizeof(who->own.sid));
	wp_cmd_init(&cmd);
	wp_session_seen_build(&cmd, &session, who->own.generation);
	/* While Redis is away the parent just stays good a little longer. */
	(void)way->call(way->ctx, &cmd, on_answer, NULL);
	wp_cmd_release(&cmd);
}
