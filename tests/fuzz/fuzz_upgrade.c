/* A request head from a stranger: bounded, and judged without reading past. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/http/query.h"
#include "ws-daemon/wire/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wp_upgrade upgrade;
	struct wp_head head, line = { 0 };
	struct wp_buf out;
	unsigned http = 0;
	char value[64];

	if (wp_head_parse_line(&line, (const char *)data, size) == WP_HEAD_OK)
		(void)wp_query_copy(&line.query, "a", value, sizeof(value));
	if (wp_head_parse(&head, (const char *)data, size, &http) != WP_HEAD_OK)
		return 0;
	/* Who looks at the line only sees the same. */
	if (line.path.data != head.path.data || line.path.len != head.path.len)
		abort();
	(void)wp_head_cookie(&head, "auth");
	(void)wp_query_copy(&head.query, "ticket", value, sizeof(value));
	if (wp_upgrade_read(&upgrade, &head) == 101) {
		upgrade.extension = wp_extension_choose(&head);
		wp_buf_init(&out, 0);
		wp_upgrade_response(&out, &upgrade);
		wp_buf_release(&out);
	}
	return 0;
}
