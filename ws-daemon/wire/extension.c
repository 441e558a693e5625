/*
 * extension.c - offers of permessage-deflate, taken apart.
 *
 * A client may always be answered that nothing is used, so what is not
 * understood is never an error here.
 */
#include "ws-daemon/wire/extension.h"

enum {
	BITS_MIN = 8, /* of RFC 7692 section 7.1.2 */
	BITS_MAX = 15,
	BITS_MIN_OURS = 9, /* of zlib without a header */
};

enum parameter {
	SERVER_NO_TAKEOVER,
	CLIENT_NO_TAKEOVER,
	SERVER_BITS,
	CLIENT_BITS,
	PARAMETER_COUNT
};

static const char *const parameter_names[PARAMETER_COUNT] = {
	[SERVER_NO_TAKEOVER] = "server_no_context_takeover",
	[CLIENT_NO_TAKEOVER] = "client_no_context_takeover",
	[SERVER_BITS] = "server_max_window_bits",
	[CLIENT_BITS] = "client_max_window_bits",
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static struct wp_text trimmed(struct wp_text text)
{
	while (text.len > 0 && is_blank(text.data[0])) {
		text.data++;
		text.len--;
	}
	while (text.len > 0 && is_blank(text.data[text.len - 1]))
		text.len--;
	return text;
}

/* Take what is before the delimiter off the front; a quoted string may have
 * one inside. False when rest is used up. */
static bool take_until(struct wp_text *rest, char delimiter,
		       struct wp_text *out)
{
	bool is_quoted = false;
	size_t i = 0;

	if (rest->data == NULL)
		return false;
	while (i < rest->len && (is_quoted || rest->data[i] != delimiter)) {
		if (rest->data[i] == '"')
			is_quoted = !is_quoted;
		i++;
	}
	*out = trimmed((struct wp_text){ rest->data, i });
	if (i < rest->len) {
		rest->data += i + 1;
		rest->len -= i + 1;
	} else {
		*rest = (struct wp_text){ 0 };
	}
	return true;
}

/* Bits of a window, without leading zeros (section 7.1.2); 0: it is none. */
static uint8_t read_bits(struct wp_text value)
{
	unsigned bits = 0;

	/* What is quoted is a token all the same (RFC 6455 section 9.1). */
	if (value.len >= 2 && value.data[0] == '"' &&
	    value.data[value.len - 1] == '"') {
		value.data++;
		value.len -= 2;
	}
	if (value.len == 0 || value.len > 2 || value.data[0] == '0')
		return 0;
	for (size_t i = 0; i < value.len; i++) {
		if (value.data[i] < '0' || value.data[i] > '9')
			return 0;
		bits = bits * 10 + (unsigned)(value.data[i] - '0');
	}
	return bits >= BITS_MIN && bits <= BITS_MAX ? (uint8_t)bits : 0;
}

/* May the parameter have this value? data NULL: it has none. */
static bool judge_parameter(enum parameter which, struct wp_text value,
			    struct wp_extension *out)
{
	switch (which) {
	case SERVER_BITS:
		out->is_bits_asked = true;
		out->deflate_bits = read_bits(value);
		return out->deflate_bits >= BITS_MIN_OURS;
	case CLIENT_BITS:
		/* Its hint is not needed: any window can be inflated. */
		return value.data == NULL || read_bits(value) != 0;
	case SERVER_NO_TAKEOVER:
	case CLIENT_NO_TAKEOVER:
		return value.data == NULL;
	case PARAMETER_COUNT:
		break;
	}
	return false;
}

static enum parameter which_parameter(const struct wp_text *name)
{
	int i = 0;

	while (i < PARAMETER_COUNT &&
	       !wp_text_is_word(name, parameter_names[i]))
		i++;
	return (enum parameter)i;
}

/* Can this offer be met? */
static bool judge_offer(struct wp_text offer, struct wp_extension *out)
{
	bool seen[PARAMETER_COUNT] = { false };
	struct wp_text part;

	*out = (struct wp_extension){ .deflate_bits = BITS_MAX };
	if (!take_until(&offer, ';', &part) ||
	    !wp_text_is_word(&part, "permessage-deflate"))
		return false;
	while (take_until(&offer, ';', &part)) {
		struct wp_text value = part;
		struct wp_text name = { 0 };
		enum parameter which;

		(void)take_until(&value, '=', &name);
		value = trimmed(value);
		which = which_parameter(&name);
		if (which == PARAMETER_COUNT || seen[which] ||
		    !judge_parameter(which, value, out))
			return false;
		seen[which] = true;
	}
	return true;
}

struct wp_extension wp_extension_choose(const struct wp_head *head)
{
	for (size_t i = 0; i < head->n_fields; i++) {
		struct wp_text list = head->fields[i].value;
		struct wp_text offer;
		struct wp_extension chosen;

		if (!wp_text_is_word(&head->fields[i].name,
				     "Sec-WebSocket-Extensions"))
			continue;
		while (take_until(&list, ',', &offer))
			if (judge_offer(offer, &chosen))
				return chosen;
	}
	return (struct wp_extension){ 0 };
}

void wp_extension_add(struct wp_buf *out, const struct wp_extension *chosen)
{
	if (chosen->deflate_bits == 0)
		return;
	wp_buf_add_str(out, "\r\nSec-WebSocket-Extensions: permessage-deflate"
			    "; server_no_context_takeover"
			    "; client_no_context_takeover");
	/* Asked for it has to be answered, and else must not surprise. */
	if (chosen->is_bits_asked)
		wp_buf_printf(out, "; server_max_window_bits=%u",
			      chosen->deflate_bits);
}
