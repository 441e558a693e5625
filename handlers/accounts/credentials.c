/*
 * credentials.c - one table of members, and a body read by it.
 */
#include "handlers/accounts/credentials.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/json.h"
#include "lib/base/utf8.h"

#include "handlers/request/call.h"

enum {
	NAME_MAX_BYTES = 64,
	CODE_MAX_BYTES = 128,
	DEVICE_MAX_BYTES = 64,
	DEVICE_NAME_MAX_BYTES = 128,
	WORD_MAX_BYTES = 16,
};

/* What a text may be made of. */
enum form {
	FORM_ANY,
	FORM_PLAIN,  /* no control characters */
	FORM_DEVICE, /* [A-Za-z0-9._-] */
	FORM_PLACE,  /* "body" or "cookie" */
};

static const struct member {
	const char *name;
	enum wp_credential bit;
	enum form form;
	size_t max; /* bytes */
	size_t offset;
} members[] = {
#define AT(member) offsetof(struct wp_credentials, member)
	{ "username", WP_C_USERNAME, FORM_ANY, NAME_MAX_BYTES, AT(username) },
	{ "password", WP_C_PASSWORD, FORM_ANY, WP_PASSWORD_BYTES_MAX,
	  AT(password) },
	{ "oldPassword", WP_C_OLD_PASSWORD, FORM_ANY, WP_PASSWORD_BYTES_MAX,
	  AT(password) },
	{ "newPassword", WP_C_NEW_PASSWORD, FORM_ANY, WP_PASSWORD_BYTES_MAX,
	  AT(new_password) },
	{ "code", WP_C_CODE, FORM_PLAIN, CODE_MAX_BYTES, AT(code) },
	{ "invite", WP_C_INVITE, FORM_PLAIN, CODE_MAX_BYTES, AT(invite) },
	{ "deviceId", WP_C_DEVICE_ID, FORM_DEVICE, DEVICE_MAX_BYTES,
	  AT(device_id) },
	{ "deviceName", WP_C_DEVICE_NAME, FORM_PLAIN, DEVICE_NAME_MAX_BYTES,
	  AT(device_name) },
	{ "deviceProof", WP_C_DEVICE_PROOF, FORM_PLAIN, CODE_MAX_BYTES,
	  AT(device_proof) },
	{ "refreshIn", WP_C_REFRESH_IN, FORM_PLACE, WORD_MAX_BYTES,
	  AT(refresh_in) },
	{ "role", WP_C_ROLE, FORM_PLAIN, WORD_MAX_BYTES, AT(role) },
	{ "state", WP_C_STATE, FORM_PLAIN, WORD_MAX_BYTES, AT(state) },
#undef AT
};
enum { N_MEMBERS = sizeof(members) / sizeof(members[0]) };

struct reading {
	struct wp_call *call;
	struct wp_credentials *out;
	unsigned int seen;
	bool is_out_of_memory;
};

static struct wp_credential_text *text_at(struct wp_credentials *credentials,
					  const struct member *member)
{
	return (struct wp_credential_text *)((char *)credentials +
					     member->offset);
}

static bool is_device_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

static bool is_word(const struct wp_credential_text *text, const char *word)
{
	return text->len == strlen(word) &&
	       memcmp(text->data, word, text->len) == 0;
}

static bool fits(const struct member *member,
		 const struct wp_credential_text *text)
{
	if (member->form == FORM_PLACE)
		return is_word(text, "body") || is_word(text, "cookie");
	if (member->form == FORM_DEVICE && text->len == 0)
		return false;
	for (size_t i = 0; i < text->len && member->form != FORM_ANY; i++) {
		unsigned char c = (unsigned char)text->data[i];

		if (c < 0x20 || c == 0x7f)
			return false;
		if (member->form == FORM_DEVICE &&
		    !is_device_char(text->data[i]))
			return false;
	}
	return true;
}

/* Keep a member that was asked for. A fault is told through js. */
static void keep(struct reading *reading, const struct member *member,
		 struct wp_json *js)
{
	struct wp_credential_text *text = text_at(reading->out, member);
	struct wp_buf *scratch = &reading->call->scratch;
	struct wp_json_slice slice;

	if (!wp_json_string(js, &slice))
		return;
	if ((reading->seen & member->bit) != 0) {
		wp_json_fail(js, "a member is given twice");
		return;
	}
	reading->seen |= member->bit;
	/* It has room for all of the body: no copy is left behind. */
	wp_buf_clear(scratch);
	wp_json_decode(&slice, scratch);
	text->data = wp_arena_copy(&reading->call->arena,
				   scratch->len > 0 ? scratch->data : "",
				   scratch->len);
	text->len = scratch->len;
	if (scratch->data != NULL)
		explicit_bzero(scratch->data, scratch->len);
	reading->is_out_of_memory |= text->data == NULL || scratch->failed;
	if (reading->is_out_of_memory)
		wp_json_fail(js, "out of memory");
	else if (text->len > member->max)
		wp_json_fail(js, "a member is too long");
	else if (!fits(member, text))
		wp_json_fail(js, "a member has a value that it cannot have");
}

static void read_all(struct reading *reading, unsigned int wanted,
		     struct wp_json *js)
{
	struct wp_json_slice key;

	wp_json_object_begin(js);
	while (wp_json_object_next(js, &key)) {
		const struct member *member = NULL;

		for (size_t i = 0; i < N_MEMBERS && member == NULL; i++)
			if ((wanted & members[i].bit) != 0 &&
			    wp_json_slice_is(&key, members[i].name))
				member = &members[i];
		if (member != NULL)
			keep(reading, member, js);
		else if ((wanted & WP_C_ONLY) != 0)
			wp_json_fail(js, "there is a member that nobody knows");
		else
			wp_json_skip(js, NULL);
	}
	wp_json_end(js);
}

static bool refuse_missing(struct wp_call *call, unsigned int missing)
{
	for (size_t i = 0; i < N_MEMBERS; i++) {
		char sentence[64];

		if ((missing & members[i].bit) == 0)
			continue;
		(void)snprintf(sentence, sizeof(sentence), "%s is missing",
			       members[i].name);
		wp_resp_error(&call->resp, 400, "bad_request", sentence);
		break;
	}
	return false;
}

bool wp_credentials_read(struct wp_call *call, unsigned int needed,
			 unsigned int allowed, struct wp_credentials *out)
{
	struct reading reading = { .call = call, .out = out };
	unsigned int missing;
	struct wp_json js;

	*out = (struct wp_credentials){ 0 };
	if (!wp_call_read_json(call, WP_CREDENTIALS_BODY_MAX))
		return false;
	if (wp_buf_reserve(&call->scratch, WP_CREDENTIALS_BODY_MAX) == NULL) {
		wp_resp_internal(&call->resp);
		return false;
	}
	wp_json_init(&js, call->body.data, call->body.len);
	read_all(&reading, needed | allowed, &js);
	if (reading.is_out_of_memory)
		wp_resp_internal(&call->resp);
	else if (js.err != NULL)
		wp_call_bad_body(call, "bad_request", js.err);
	explicit_bzero(call->body.data, call->body.len);
	if (js.err != NULL) {
		wp_credentials_wipe(out);
		return false;
	}
	missing = needed & ~reading.seen & ~(unsigned int)WP_C_ONLY;
	if (missing == 0)
		return true;
	wp_credentials_wipe(out);
	return refuse_missing(call, missing);
}

void wp_credentials_wipe(struct wp_credentials *credentials)
{
	static const unsigned int secret = WP_C_PASSWORD | WP_C_NEW_PASSWORD |
					   WP_C_CODE | WP_C_INVITE |
					   WP_C_DEVICE_PROOF;

	for (size_t i = 0; i < N_MEMBERS; i++) {
		struct wp_credential_text *text =
			text_at(credentials, &members[i]);

		if ((secret & members[i].bit) == 0 || text->data == NULL)
			continue;
		explicit_bzero(text->data, text->len);
		*text = (struct wp_credential_text){ 0 };
	}
}
