/*
 * Any body of a back end: what is read of it lies in it, and what is published
 * is one object with the same two members.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/mailbox/notification.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(int is_so)
{
	if (!is_so)
		abort();
}

static void check_same(const struct wp_json_slice *a,
		       const struct wp_json_slice *b)
{
	need(a->len == b->len && memcmp(a->data, b->data, a->len) == 0);
}

static void check_published(const struct wp_notification *notification)
{
	struct wp_json_slice key, value;
	struct wp_buf scratch;
	struct wp_json js;
	struct wp_cmd cmd;
	const char *message;
	size_t len, n = 0;

	wp_buf_init(&scratch, 0);
	wp_cmd_init(&cmd);
	wp_notification_build(&cmd, notification, &scratch);
	need(!scratch.failed && !cmd.words.failed && cmd.n == 3);
	message = wp_cmd_word(&cmd, 2, &len);
	wp_notification_json(&js, message, len);
	wp_json_object_begin(&js);
	while (wp_json_object_next(&js, &key)) {
		need(wp_json_skip(&js, &value));
		need(wp_json_slice_is(&key, n == 0 ? "type" : "payload"));
		check_same(&value, n == 0 ? &notification->type
					  : &notification->payload);
		n++;
	}
	need(wp_json_end(&js) && n == 2);
	wp_cmd_release(&cmd);
	wp_buf_release(&scratch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wp_notification notification;
	struct wp_error err;
	struct wp_urn again;
	enum wp_err rc = wp_notification_read(&notification, (const char *)data,
					      size, &err);

	if (rc != WP_OK) {
		need((rc == WP_ERR_PROTO || rc == WP_ERR_INVAL ||
		      rc == WP_ERR_FULL) &&
		     err.msg[0] != '\0');
		return 0;
	}
	need(wp_urn_reread(&again, notification.user.text,
			   notification.user.len) == WP_OK);
	check_published(&notification);
	return 0;
}
