/* kind.c - ids and requests. */
#include "notifier/provider/kind.h"

#include <assert.h>
#include <string.h>

#include "lib/auth/signing_key.h"
#include "lib/base/encode.h"

void wp_push_id(const struct wp_own_key *key, const char *token_id,
		const struct wp_entry_id *want, char out[WP_PUSH_ID_TEXT + 1])
{
	static const size_t groups[] = { 4, 2, 2, 2, 6 };
	char id[WP_ENTRY_ID_MAX];
	uint8_t mac[WP_OWN_MAC_LEN];
	const uint8_t *from = mac;
	struct wp_buf text;

	wp_entry_id_format(want, id);
	wp_buf_init(&text, 0);
	wp_buf_printf(&text, "%s|%s", token_id, id);
	assert(!text.failed);
	wp_own_mac(key, text.data, text.len, mac);
	wp_buf_release(&text);
	/* RFC 9562 section 5.8 */
	mac[6] = (uint8_t)(0x80 | (mac[6] & 0x0f));
	mac[8] = (uint8_t)(0x80 | (mac[8] & 0x3f));
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		wp_hex_write(out, from, groups[i]);
		from += groups[i];
		out += 2 * groups[i];
		*out++ = '-';
	}
	out[-1] = '\0';
}

/* ---- requests ---- */

void wp_call_init(struct wp_call *call)
{
	*call = (struct wp_call){ .n = 0 };
	wp_buf_init(&call->url, 0);
	wp_buf_init(&call->body, 0);
}

void wp_call_release(struct wp_call *call)
{
	wp_signing_forget(&call->url);
	wp_signing_forget(&call->body);
	for (size_t i = 0; i < call->n; i++)
		wp_signing_forget(&call->values[i]);
	call->n = 0;
}

struct wp_buf *wp_call_header(struct wp_call *call, const char *name)
{
	struct wp_buf *value;

	assert(call->n < WP_CALL_HEADERS_MAX);
	value = &call->values[call->n];
	call->names[call->n++] = name;
	wp_buf_init(value, 0);
	return value;
}

void wp_call_header_text(struct wp_call *call, const char *name,
			 const char *text)
{
	wp_buf_add_str(wp_call_header(call, name), text);
}

void wp_call_header_int(struct wp_call *call, const char *name, int64_t value)
{
	wp_buf_add_int(wp_call_header(call, name), value);
}

bool wp_call_is_whole(const struct wp_call *call)
{
	bool is_whole = !call->url.failed && !call->body.failed;

	for (size_t i = 0; i < call->n; i++)
		is_whole = is_whole && !call->values[i].failed;
	return is_whole;
}

struct wp_transfer_request
wp_call_request(const struct wp_call *call,
		struct wp_transfer_header headers[WP_CALL_HEADERS_MAX])
{
	for (size_t i = 0; i < call->n; i++)
		headers[i] = (struct wp_transfer_header){
			.name = call->names[i],
			.value = call->values[i].data,
		};
	return (struct wp_transfer_request){
		.url = call->url.data,
		.headers = headers,
		.n_headers = call->n,
		.body = call->body.data,
		.len = call->body.len,
	};
}

void wp_kind_member(struct wp_buf *out, const char *name, const char *text)
{
	wp_buf_printf(out, ",\"%s\":", name);
	wp_buf_add_json(out, text, strlen(text));
}
