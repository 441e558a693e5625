/*
 * gone.c - the frame, but for its time, which the daemons add.
 */
#include "notifier/gone.h"

#include <string.h>

#include "lib/base/buf.h"
#include "lib/mailbox/notification.h"

enum { PAYLOAD_MAX = 1024 };

static void write_payload(struct wp_buf *out, const char *device,
			  const char *reason)
{
	wp_buf_add_str(out, "{\"id\":");
	wp_buf_add_json(out, device, strlen(device));
	wp_buf_add_str(out, ",\"state\":\"gone\"");
	if (reason[0] != '\0') {
		wp_buf_add_str(out, ",\"reason\":");
		wp_buf_add_json(out, reason, strlen(reason));
	}
	wp_buf_add_char(out, '}');
}

void wp_gone_tell(struct wp_judged *redis, const struct wp_urn *user,
		  const char *device, const char *reason)
{
	static const char type[] = "\"device\"";
	struct wp_notification notification = {
		.user = *user,
		.type = { .data = type, .len = sizeof(type) - 1 },
	};
	struct wp_buf payload, scratch;
	struct wp_cmd cmd;
	enum wp_err rc = WP_ERR_NOMEM;

	wp_cmd_init(&cmd);
	wp_buf_init(&payload, PAYLOAD_MAX);
	wp_buf_init(&scratch, PAYLOAD_MAX);
	write_payload(&payload, device, reason);
	notification.payload = (struct wp_json_slice){
		.data = payload.data,
		.len = payload.len,
	};
	if (!payload.failed)
		wp_notification_build(&cmd, &notification, &scratch);
	if (!payload.failed && !scratch.failed)
		rc = wp_judged_do(redis, &cmd, NULL, NULL);
	(void)rc; /* at most once */
	wp_buf_release(&scratch);
	wp_buf_release(&payload);
	wp_cmd_release(&cmd);
}
