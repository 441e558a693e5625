/*
 * accept.c - media ranges and their weights. Parameters other than q say
 * nothing here.
 */
#include "lib/http/accept.h"

#include <string.h>

enum { NOT_NAMED = -1, WEIGHT_ONE = 1000 };

/* Take what is before the next semicolon off text, blanks around it aside. */
static struct wp_text next_part(struct wp_text *text)
{
	const char *end = memchr(text->data, ';', text->len);
	size_t len = end == NULL ? text->len : (size_t)(end - text->data);
	struct wp_text part = { text->data, len };
	size_t used = end == NULL ? len : len + 1;

	text->data += used;
	text->len -= used;
	while (part.len > 0 && strchr(" \t", part.data[0]) != NULL) {
		part.data++;
		part.len--;
	}
	while (part.len > 0 && strchr(" \t", part.data[part.len - 1]) != NULL)
		part.len--;
	return part;
}

/* "0.5" to 500, by RFC 9110 section 12.4.2; 0 when it is no weight. */
static int read_weight(const char *text, size_t len)
{
	int place = WEIGHT_ONE / 10;
	int weight;

	if (len == 0 || len > strlen("0.000") ||
	    (text[0] != '0' && text[0] != '1') || (len > 1 && text[1] != '.'))
		return 0;
	weight = (text[0] - '0') * WEIGHT_ONE;
	for (size_t i = 2; i < len; i++, place /= 10) {
		if (text[i] < '0' || text[i] > '9')
			return 0;
		weight += (text[i] - '0') * place;
	}
	return weight > WEIGHT_ONE ? 0 : weight;
}

static int weight_of(struct wp_text parameters)
{
	int weight = WEIGHT_ONE;

	while (parameters.len > 0) {
		struct wp_text part = next_part(&parameters);

		if (part.len >= 2 && (part.data[0] | 0x20) == 'q' &&
		    part.data[1] == '=')
			weight = read_weight(part.data + 2, part.len - 2);
	}
	return weight;
}

/* How much the list wants exactly this range; NOT_NAMED. */
static int find(struct wp_text list, const char *range)
{
	struct wp_text element;

	while (wp_text_next_element(&list, &element)) {
		struct wp_text name;

		if (element.len == 0)
			continue;
		name = next_part(&element);
		if (wp_text_is_word(&name, range))
			return weight_of(element);
	}
	return NOT_NAMED;
}

bool wp_accept_wants_json(struct wp_text value)
{
	/* The most special one counts. */
	static const char *const plain[] = { "text/plain", "text/*", "*/*" };
	int json = find(value, "application/json");
	int text = NOT_NAMED;

	for (size_t i = 0; text == NOT_NAMED && i < 3; i++)
		text = find(value, plain[i]);
	return json > 0 && json >= text;
}
